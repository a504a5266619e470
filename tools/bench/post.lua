-- For wrk: posts the request, and prints the result as one line of JSON.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_REQUEST")
wrk.headers["Content-Type"] = "application/json"

local pause = tonumber(os.getenv("BENCH_PAUSE"))
if pause > 0 then
	-- Exponentially distributed, like independent arrivals.
	function delay() return math.floor(-math.log(1 - math.random()) * pause) end
end

function done(summary, latency)
	local errors = summary.errors
	io.write(string.format(
		'{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
		summary.requests, summary.duration,
		errors.status, errors.connect + errors.read + errors.write + errors.timeout,
		latency:percentile(50), latency:percentile(99)))
end
