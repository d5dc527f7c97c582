#!lua flags=allow-oom
-- Removes the owner's claim.
-- KEYS[1] the entry. ARGV: [1] start of the owner's claim.
-- 1: removed. nil: gone. Otherwise: the start of what is there instead.
local start = redis.call('GETRANGE', KEYS[1], 0, 183)
if start == '' or redis.call('PTTL', KEYS[1]) == 0 then
    return false
end
if string.sub(start, 1, #ARGV[1]) ~= ARGV[1] then
    return start
end
redis.call('DEL', KEYS[1])
return 1
