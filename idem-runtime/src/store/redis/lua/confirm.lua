#!lua flags=allow-oom
-- Writes what is there once more, unchanged, so that whoever waits for the replicas on this connection waits for that.
-- KEYS[1] the entry. ARGV: [1] start of the owner's claim or record.
-- 1: done. 0: it has no expiry that could be written again. nil: gone. Otherwise: the start of what is there instead.
local start = redis.call('GETRANGE', KEYS[1], 0, 183)
if start == '' or redis.call('PTTL', KEYS[1]) == 0 then
    return false
end
if string.sub(start, 1, #ARGV[1]) ~= ARGV[1] then
    return start
end
local ends = redis.call('PEXPIRETIME', KEYS[1])
if ends < 0 then
    return 0
end
redis.call('PEXPIREAT', KEYS[1], ends)
return 1
