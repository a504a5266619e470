-- Gives a key back that the claim still has.
-- KEYS[1] is the key; ARGV[1] is the claim's token.
if redis.call('GET', KEYS[1]) == ARGV[1] then
	redis.call('DEL', KEYS[1])
end
return 0
