-- Gives back what a call did not need after all.
-- KEYS are the call, its order if there is one, its rates, and its budgets, as they were reserved.
-- ARGV are how many orders, rates and budgets there are, whether the rates and whether the budgets are given back
-- (0 or 1), and for how many milliseconds it is remembered that the call is settled; then for each rate its
-- interval in microseconds, and for each budget the call's amount.
local orders, rates, budgets = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('GET', KEYS[1])
-- A reservation that was lost on the way and arrives now must take nothing any more.
redis.call('SET', KEYS[1], 'settled', 'PX', ARGV[6])
if not known or known == 'settled' then
	return 0
end
if orders > 0 and redis.call('GET', KEYS[2]) == KEYS[1] then
	redis.call('DEL', KEYS[2])
end
if ARGV[4] == '1' then
	local time = redis.call('TIME')
	local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
	for i = 1, rates do
		local key = KEYS[1 + orders + i]
		local due = tonumber(redis.call('GET', key) or 0) - tonumber(ARGV[6 + i])
		if due > now then
			redis.call('SET', key, string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
		else
			redis.call('DEL', key)
		end
	end
end
if ARGV[5] == '1' then
	local i = 0
	for begin in string.gmatch(known, '%d+') do
		i = i + 1
		local key = KEYS[1 + orders + rates + i]
		local of, epoch, before, used = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+)$')
		if of == begin then -- or the window is over, and has taken the amount with it
			local rest = math.max(0, tonumber(used) - tonumber(ARGV[6 + rates + i]))
			redis.call('SET', key, string.format('%s %s %s %.0f', of, epoch, before, rest), 'KEEPTTL')
		end
	end
end
return 0
