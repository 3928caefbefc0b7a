"""The transitions of the session table on Redis: one script each, so that each is atomic, in one round trip.

A session is one key, a hash: there is no second key that could be lost without it. Its fields:

========  ==================================================================================================
version   of this layout; a record of another version is left alone and answered STALE
epoch     the run and the replication history of the Redis that wrote it; in any other, writes may be missing
phase     K key-exchanging, A authenticated, R rejected; what is inactive is deleted
peer      the digest that limits count its peer by
max       nc-max
window    nc-window
largest   the largest nonce number received, 0 at first
flags     which nonce numbers were received: a ring of octets, the bits of number n in octet n/8
blob      the sealed session; deleted with R
user fake clear copies of what the blob is bound to
who       the digest that limits count its user by
========  ==================================================================================================

The other keys only count. Losing one of them makes the limits forget, and never accepts anything:

=========  ====================================================================================
peer:*     a peer's pending sessions by age
most       peers by the number of their pending sessions
rejected   rejected sessions by age
live       authenticated sessions by their end
expiry     all sessions by their end, in microseconds
rate:*     rates by `kam3.mutual.limits.Rate`, in microseconds; forgotten when paid back
home:*     where users proved themselves lately
=========  ====================================================================================

Members of ``rejected``, ``live`` and ``expiry`` are a session's name of 32 digits and its peer's of 32. The ring has one octet more than
the window needs, so that whole octets are cleared ahead of it: no nonce number costs more than another.
"""

from __future__ import annotations

#: Of the layout above. Raise it with any change that workers of the version before would misread.
RECORD_VERSION = "1"

#: Lua computes in doubles: what is larger than the largest nc-max is compared as this.
NC_LIMIT = 2**53 - 1

_COMMON = """
local P = ARGV[1]
local call = redis.call

local function epoch()
  return call('INFO', 'server'):match('run_id:(%x+)') .. call('INFO', 'replication'):match('master_replid:(%x+)')
end

local function whole(number) return string.format('%.0f', number) end

local function micros()
  local time = call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Take a session out of all that counts.
local function leave(id, peer)
  if call('ZREM', P .. 'peer:' .. peer, id) == 1 and tonumber(call('ZINCRBY', P .. 'most', -1, peer)) < 1 then
    call('ZREM', P .. 'most', peer)
  end
  call('ZREM', P .. 'rejected', id .. peer)
  call('ZREM', P .. 'live', id .. peer)
end

local function drop(id, peer)
  call('DEL', P .. 'session:' .. id)
  leave(id, peer)
  call('ZREM', P .. 'expiry', id .. peer)
end

local function drop_member(member) drop(member:sub(1, 32), member:sub(33)) end
"""

_SESSION = """
local FIELDS = {'version', 'epoch', 'phase', 'peer', 'max', 'window', 'largest', 'flags', 'blob', 'user', 'fake', 'who'}
local id = ARGV[2]

-- Return the session's fields, or nil where there is none to go on with; what makes no sense, and what is of another epoch, goes.
local function load()
  local values = redis.pcall('HMGET', KEYS[1], unpack(FIELDS))
  if values.err then call('DEL', KEYS[1]) return nil end
  local s = {}
  for i, name in ipairs(FIELDS) do s[name] = values[i] end
  if not s.version then return nil end
  if s.version ~= VERSION then return nil end
  s.max, s.window, s.largest = tonumber(s.max), tonumber(s.window), tonumber(s.largest)
  local known = (s.phase == 'K' or s.phase == 'A' or s.phase == 'R') and (s.fake == '0' or s.fake == '1')
  local sound = known and s.max and s.window and s.largest and s.peer and s.user and s.who and (s.blob or s.phase == 'R')
    and s.flags and #s.flags == math.floor((s.window + 7) / 8) + 1
  if not sound or s.epoch ~= epoch() then
    drop(id, s.peer or '')
    return nil
  end
  return s
end

local function place(s, nc) return math.floor(nc / 8) % #s.flags + 1, 2 ^ (nc % 8) end

-- The rule of `kam3.mutual.server_states.Window.judge`: whether a nonce number may go on.
local function fresh(s, nc)
  if nc > s.max or nc <= s.largest - s.window then return false end
  if nc > s.largest then return true end
  local at, bit = place(s, nc)
  return math.floor(s.flags:byte(at) / bit) % 2 == 0
end

-- Note a fresh number: clear the octets between the largest one and it, then set its bit.
local function receive(s, nc)
  local size, ahead = #s.flags, math.floor(nc / 8) - math.floor(s.largest / 8)
  if ahead >= size then
    s.flags = string.rep('\\0', size)
  elseif ahead > 0 then
    local from = math.floor(s.largest / 8) % size + 1 -- octets before the first to clear
    local head = math.max(0, from + ahead - size) -- how many of them lie at the ring's start
    local tail = ahead - head
    s.flags = string.rep('\\0', head) .. s.flags:sub(head + 1, from) .. string.rep('\\0', tail) .. s.flags:sub(from + tail + 1)
  end
  local at, bit = place(s, nc)
  s.flags = s.flags:sub(1, at - 1) .. string.char(s.flags:byte(at) + bit) .. s.flags:sub(at + 1)
  s.largest = math.max(s.largest, nc)
  call('HSET', KEYS[1], 'largest', whole(s.largest), 'flags', s.flags)
end
"""

_EPOCH = "return {'epoch', epoch()}"

_ADMIT = """
local both = ARGV[3] .. ':' .. ARGV[2]
local peer, user, home = P .. 'rate:peer:' .. ARGV[2], P .. 'rate:user:' .. ARGV[3], P .. 'home:' .. both
local longest = tonumber(ARGV[10])
both = P .. 'rate:both:' .. both
local now = micros()

local function spend(key, burst, interval)
  local kept = math.max(tonumber(call('GET', key) or '0'), now) + interval
  return kept, math.max(0, kept - now - burst * interval)
end

local function keep(key, kept) call('SET', key, whole(kept), 'PX', whole(math.max(1, math.ceil((kept - now) / 1000)))) end

local of_peer, wait_peer = spend(peer, tonumber(ARGV[4]), tonumber(ARGV[5]))
local of_both, wait_both = spend(both, tonumber(ARGV[6]), tonumber(ARGV[7]))
if wait_peer > 0 or wait_both > 0 then return {'refused', whole(math.max(wait_peer, wait_both))} end
local of_user, wait = spend(user, tonumber(ARGV[8]), tonumber(ARGV[9]))
if wait > longest then of_user, wait = of_user - wait + longest, longest end
keep(peer, of_peer)
keep(both, of_both)
keep(user, of_user)
return {'admitted', whole(call('EXISTS', home) == 1 and 0 or wait)}
"""

_CREATE = """
local id, peer, epoch_sealed, lifetime = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local sessions, pending, per_peer = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local max, window, blob, user, fake, who = ARGV[9], tonumber(ARGV[10]), ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local EXPIRY, REJECTED, LIVE, MOST, MINE = P .. 'expiry', P .. 'rejected', P .. 'live', P .. 'most', P .. 'peer:' .. peer
local epoch_now, now = epoch(), micros()

if epoch_sealed ~= epoch_now then return {'epoch', epoch_now} end
if call('EXISTS', KEYS[1]) == 1 then return {'exists'} end

local function drop_oldest_of(some)
  local oldest = call('ZRANGE', P .. 'peer:' .. some, 0, 0)[1]
  if oldest then drop(oldest, some) else call('ZREM', MOST, some) end -- a peer without sessions: its key was lost
end
local function drop_of_most()
  local most = call('ZREVRANGE', MOST, 0, 0)[1]
  if most then drop_oldest_of(most) end
end
local function waiting() return call('ZCARD', EXPIRY) - call('ZCARD', REJECTED) - call('ZCARD', LIVE) end

for _, member in ipairs(call('ZRANGEBYSCORE', EXPIRY, '-inf', whole(now), 'LIMIT', 0, 16)) do drop_member(member) end
if call('ZCARD', MINE) >= per_peer then drop_oldest_of(peer) elseif waiting() >= pending then drop_of_most() end
if call('ZCARD', EXPIRY) >= sessions then
  local rejected = call('ZRANGE', REJECTED, 0, 0)
  for _, member in ipairs(rejected) do drop_member(member) end
  if #rejected == 0 and waiting() > 0 then drop_of_most()
  elseif #rejected == 0 then for _, member in ipairs(call('ZRANGE', LIVE, 0, 0)) do drop_member(member) end end
end
if call('ZCARD', EXPIRY) >= sessions then -- what counted is gone: let the first to expire go
  for _, member in ipairs(call('ZRANGE', EXPIRY, 0, 0)) do drop_member(member) end
end

call('HSET', KEYS[1], 'version', VERSION, 'epoch', epoch_now, 'phase', 'K', 'peer', peer, 'max', max, 'window', whole(window),
  'largest', '0', 'flags', string.rep('\\0', math.floor((window + 7) / 8) + 1), 'blob', blob, 'user', user, 'fake', fake,
  'who', who)
call('PEXPIRE', KEYS[1], whole(lifetime))
call('ZADD', EXPIRY, whole(now + lifetime * 1000), id .. peer)
call('ZADD', MINE, whole(now), id)
call('ZADD', MOST, whole(call('ZCARD', MINE)), peer)
for _, key in ipairs({EXPIRY, MINE, MOST, REJECTED, LIVE}) do -- nothing outlives the sessions that it counts
  if call('PTTL', key) < lifetime then call('PEXPIRE', key, whole(lifetime)) end
end
return {'made'}
"""

_BEGIN = """
local nc = tonumber(ARGV[3])
local s = load()
if not s then return {'stale'} end
if s.phase == 'R' then return {'rejected', s.user} end
if not fresh(s, nc) then drop(id, s.peer) return {'nc-refused', s.user} end
return {'evaluate', s.user, s.phase, s.blob, s.fake, s.epoch}
"""

_COMMIT = """
local nc, right, peer, interval, trusted_for = tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local s = load()
if not s then return {'stale'} end
if s.phase == 'R' then return {'rejected'} end
if not fresh(s, nc) then drop(id, s.peer) return {'nc-refused'} end
if not right then
  if s.phase == 'K' then
    call('HDEL', KEYS[1], 'blob') -- first: it is allowed when memory is full, and so is then the rest of the script
    call('HSET', KEYS[1], 'phase', 'R')
    leave(id, s.peer)
    call('ZADD', P .. 'rejected', whole(micros()), id .. s.peer)
    call('PEXPIRE', P .. 'rejected', whole(math.max(call('PTTL', P .. 'rejected'), call('PTTL', KEYS[1]))))
  end
  return {'failed'}
end
receive(s, nc)
if s.phase == 'K' then
  local now = micros()
  call('HSET', KEYS[1], 'phase', 'A')
  leave(id, s.peer)
  call('ZADD', P .. 'live', call('ZSCORE', P .. 'expiry', id .. s.peer) or whole(now), id .. s.peer)
  call('PEXPIRE', P .. 'live', whole(math.max(call('PTTL', P .. 'live'), call('PTTL', KEYS[1]))))
  local both = P .. 'rate:both:' .. s.who .. ':' .. s.peer
  local kept = tonumber(call('GET', both) or '0') - interval -- a log-in that succeeds was no guess
  if kept > now then call('SET', both, whole(kept), 'PX', whole(math.ceil((kept - now) / 1000))) else call('DEL', both) end
  if trusted_for > 0 then call('SET', P .. 'home:' .. s.who .. ':' .. peer, '1', 'PX', whole(trusted_for)) end
end
return {'accepted'}
"""

_END = """
local peer = call('HGET', KEYS[1], 'peer')
if peer then drop(ARGV[2], peer) end
return {'ended'}
"""

_VERSION = f"local VERSION = '{RECORD_VERSION}'\n"

SCRIPTS = {
    "epoch": _COMMON + _EPOCH,
    "admit": _COMMON + _ADMIT,
    "create": _VERSION + _COMMON + _CREATE,
    "begin": _VERSION + _COMMON + _SESSION + _BEGIN,
    "commit": _VERSION + _COMMON + _SESSION + _COMMIT,
    "end": _COMMON + _END,
}
