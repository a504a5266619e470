-- Takes a key, unless somebody else holds it or it is done.
-- KEYS[1] is the key; ARGV are the claim's token, its lease in milliseconds, and the value of what is done.
-- Returns 0 if the claim has the key now, 1 if another has it, 2 if it is done.
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[3] then
	return 2
end
if holder and holder ~= ARGV[1] then
	return 1
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
