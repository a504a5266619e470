module example.test/example

go 1.26.0
