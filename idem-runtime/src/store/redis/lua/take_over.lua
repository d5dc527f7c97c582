#!lua flags=allow-oom
-- Replaces an abandoned claim by a new one of the same size, or, for an operator, a record by a claim that is no larger.
-- KEYS[1] the entry. ARGV: [1] what is replaced, [2] its TTL, [3] the new claim, [4] how long the new entry lives.
-- 1: taken over. 0: it is not there any more, or its lease has not ended.
local left = redis.call('PTTL', KEYS[1])
-- No entry (-2) and no expiry (-1) are not an expired lease; at 0 the entry is over, and no longer anybody's.
if left <= 0 or left > tonumber(ARGV[2]) or redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
