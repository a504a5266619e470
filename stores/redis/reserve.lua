-- Takes what a call needs, or nothing.
-- KEYS are the call, its order if there is one, its rates, and its budgets.
-- ARGV are the lease in milliseconds, and how many orders, rates and budgets there are; then for each rate its
-- interval in microseconds and its burst, and for each budget its window, its limit and the call's amount, and what
-- the caller has last seen of it: when it begins anew, the epoch, and what was used.
-- Returns 0, and for each budget what remains, when it begins anew, and the epoch; or else the place of the key that
-- is used up, after how many milliseconds it is worth another try, and these three of a budget; or -1 if the call was
-- settled before.
--
-- The value of a budget is when its window began, the epoch, what was used before the epoch, and what is used in all.
-- An epoch begins with the window, or when a server that has lost the budget hears of it again. What was used before is
-- then the most that any caller has seen.
local orders, rates, budgets = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local seconds = tonumber(time[1])
local now = seconds * 1000000 + tonumber(time[2])

local known = redis.call('GET', KEYS[1])
if known == 'settled' then
	return {-1}
end

local function save(b)
	redis.call('SET', b.key, string.format('%.0f %.0f %.0f %.0f', b.begin, b.epoch, b.before, b.used), 'PX', (b.reset - seconds) * 1000)
end

-- The budgets, as they are in their present windows.
local state = {}
for i = 1, budgets do
	local key, at = KEYS[1 + orders + rates + i], 4 + 2 * rates + 6 * (i - 1)
	local begin, reset = window(ARGV[at + 1], seconds)
	local b = {key = key, begin = begin, reset = reset, epoch = now, before = 0, used = 0, limit = tonumber(ARGV[at + 2]), amount = tonumber(ARGV[at + 3])}
	local of, epoch, before, used = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+) (%d+)$')
	if tonumber(of) == begin then
		b.epoch, b.before, b.used = tonumber(epoch), tonumber(before), tonumber(used)
	end
	local seen = tonumber(ARGV[at + 6])
	if tonumber(ARGV[at + 4]) == reset and tonumber(ARGV[at + 5]) ~= b.epoch and seen > b.before then
		b.used, b.before = b.used + seen - b.before, seen
		save(b)
	end
	state[i] = b
end

if not known then
	if orders > 0 then
		local left = redis.call('PTTL', KEYS[2])
		if left > -2 then
			return {2, math.max(1, left)}
		end
	end
	-- The generic cell rate algorithm: when the next call would be due if calls came evenly.
	local due = {}
	for i = 1, rates do
		local at = 4 + 2 * (i - 1)
		local interval, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
		local key = KEYS[1 + orders + i]
		local next = math.max(now, tonumber(redis.call('GET', key) or '') or 0)
		local latest = now + burst * interval
		if next > latest + 1 then
			-- The clock was set back, or another server's is behind. Nobody waits for that.
			next = latest
			redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1)
		end
		local early = next - now - (burst - 1) * interval
		if early > 0 then
			return {1 + orders + i, math.ceil(early / 1000)}
		end
		due[i] = next + interval
	end
	for i, b in ipairs(state) do
		if b.used + b.amount > b.limit then
			return {1 + orders + rates + i, (b.reset - seconds) * 1000, b.limit - b.used, b.reset, b.epoch}
		end
	end

	if orders > 0 then
		redis.call('SET', KEYS[2], KEYS[1], 'PX', ARGV[1])
	end
	for i = 1, rates do
		redis.call('SET', KEYS[1 + orders + i], string.format('%.0f', due[i]), 'PX', math.ceil((due[i] - now) / 1000) + 1)
	end
	local begins = {'taken'}
	for i, b in ipairs(state) do
		b.used = b.used + b.amount
		save(b)
		begins[i + 1] = string.format('%.0f', b.begin)
	end
	redis.call('SET', KEYS[1], table.concat(begins, ' '), 'PX', ARGV[1])
end

local answer = {0}
for _, b in ipairs(state) do
	table.insert(answer, b.limit - b.used)
	table.insert(answer, b.reset)
	table.insert(answer, b.epoch)
end
return answer
