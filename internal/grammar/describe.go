package grammar

import "reflect"

// Table is a block without its types, for generating documentation.
type Table struct {
	// Of is the struct that the block sets.
	Of   reflect.Type
	Rows []Row
}

// Row is an option without its types, for generating documentation.
type Row struct {
	Name, Args, ShortFor, Example string
	// PerRequest says that placeholders are expanded for each request.
	PerRequest bool
	// Of is the struct that the row was written for: the block's own, or the part
	// that it was lifted from.
	Of reflect.Type
	// Fields are the exported fields of Of that the option sets.
	Fields []reflect.StructField
	// Within is the range of the option's values, or nil if it has none.
	Within *Range
	// Block contains the options of the block that follows, or is nil if no block follows.
	Block *Table
}

// Describe returns the options without their types.
func (b Block[T]) Describe() *Table {
	table := &Table{Of: reflect.TypeFor[T](), Rows: make([]Row, len(b))}
	for i, o := range b {
		row := Row{Name: o.Name, Args: o.Args, ShortFor: o.ShortFor, Example: o.Example, PerRequest: o.PerRequest}
		o.Sets.describe(&row)
		table.Rows[i] = row
	}
	return table
}

// fieldsAt finds the exported fields of T by their addresses.
func fieldsAt[T any](addresses []func(*T) any) []reflect.StructField {
	var fields []reflect.StructField
	target := new(T)
	value := reflect.ValueOf(target).Elem()
	for _, address := range addresses {
		for f, v := range value.Fields() {
			if f.IsExported() && v.Addr().Interface() == address(target) {
				fields = append(fields, f)
			}
		}
	}
	return fields
}
