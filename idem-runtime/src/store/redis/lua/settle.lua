#!lua flags=allow-oom
-- Says in one atomic step what is there, for how long. Gives an entry its expiry back that somebody removed, and removes
-- one whose last millisecond has come.
-- KEYS[1] the entry. ARGV: [1] start of the value whose expiry is missing (or ''), [2] the expiry it should have.
-- nil: gone. Otherwise: the value, and the milliseconds it has left.
local value = redis.call('GET', KEYS[1])
if not value then
    return false
end
local left = redis.call('PTTL', KEYS[1])
if left == 0 then
    redis.call('DEL', KEYS[1])
    return false
end
if left == -1 and ARGV[1] ~= '' and string.sub(value, 1, #ARGV[1]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    left = tonumber(ARGV[2])
end
return { value, left }
