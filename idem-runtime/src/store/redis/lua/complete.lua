#!lua flags=allow-oom
-- Replaces the owner's claim by its record. A handler that has run must be recordable when memory is short.
-- KEYS[1] the entry. ARGV: [1] start of the owner's claim, [2] start of the owner's record, [3] the record, [4] its TTL.
-- 1: it is the owner's record now. 2: it was so before. nil: gone. Otherwise: the start of what is there instead.
local start = redis.call('GETRANGE', KEYS[1], 0, 183)
if start == '' or redis.call('PTTL', KEYS[1]) == 0 then
    return false
end
if string.sub(start, 1, #ARGV[1]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
    return 1
end
if string.sub(start, 1, #ARGV[2]) == ARGV[2] then
    return 2
end
return start
