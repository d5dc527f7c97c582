#!lua flags=allow-oom
-- Lets the owner's claim hold for another lease. Only the expiry changes: that is allowed when memory is short.
-- KEYS[1] the entry. ARGV: [1] start of the owner's claim, [2] the lease.
-- 1: renewed. nil: gone. Otherwise: the start of what is there instead.
local start = redis.call('GETRANGE', KEYS[1], 0, 183)
if start == '' or redis.call('PTTL', KEYS[1]) == 0 then
    return false
end
if string.sub(start, 1, #ARGV[1]) ~= ARGV[1] then
    return start
end
-- The entry outlives the lease by the TTL that the claim was written with: that is how others judge the lease.
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + tonumber(string.sub(start, 132, 144)))
return 1
