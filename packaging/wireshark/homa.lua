-- Wireshark's view of Homa: a dissector for IP protocol 146, for UDP (by port and by the header's
-- looks) and for packets shaped as TCP segments, over IPv4 and IPv6. It is one file, so that a user
-- can copy it.
--
-- Install: copy this file to the folder that Help > About Wireshark > Folders names "Personal Lua
-- Plugins", or try it with `tshark -X lua_script:homa.lua`. How to use it: docs/wireshark.md.
-- The wire format: docs/protocol.md#packets.
--
-- Packets are read once in the order of the capture. That fills the books of every RPC (`observe`).
-- What a packet meant at that moment is kept as its facts. What is shown later comes from these
-- facts and from the books, which by then know the whole capture.

local homa = Proto("homa", "Homa Transport Protocol")
local over_udp = Proto("homa_udp", "Homa in UDP datagrams")
local tcp_shaped = Proto("homa_tcp", "Homa in packets shaped as TCP segments")

local COMMON_BYTES = 28
local EVERYTHING = 0xffffffff    -- RESEND length: all that was sent
local NO_OFFSET = 0xffffffff     -- segment offset: use the sequence
local TCP_FLAGS, TCP_URGENT = 6, 0xb97d
local STRETCHES_MAX = 1000       -- of a message with more separate stretches no books are kept

local DATA, GRANT, RESEND, UNKNOWN, BUSY = 0x10, 0x11, 0x12, 0x13, 0x14
local CUTOFFS, FREEZE, NEED_ACK, ACK, ERROR = 0x15, 0x16, 0x17, 0x18, 0x20
local QUERY, STATUS, CHALLENGE, ANSWER = 0x21, 0x22, 0x23, 0x24
local TYPES = {
  [DATA] = "DATA", [GRANT] = "GRANT", [RESEND] = "RESEND", [UNKNOWN] = "UNKNOWN", [BUSY] = "BUSY",
  [CUTOFFS] = "CUTOFFS", [FREEZE] = "FREEZE", [NEED_ACK] = "NEED_ACK", [ACK] = "ACK",
  [ERROR] = "ERROR", [QUERY] = "QUERY", [STATUS] = "STATUS",
  [CHALLENGE] = "CHALLENGE", [ANSWER] = "ANSWER",
}
local MINIMUM_BYTES = {
  [DATA] = 56, [GRANT] = 33, [RESEND] = 37, [UNKNOWN] = 28, [BUSY] = 28, [CUTOFFS] = 62,
  [FREEZE] = 28, [NEED_ACK] = 28, [ACK] = 80, [ERROR] = 30,
  [QUERY] = 80, [STATUS] = 80, [CHALLENGE] = 36, [ANSWER] = 36,
}
local EXECUTED = { [0] = "not executed", [1] = "perhaps executed", [2] = "executed" }
local ERROR_CODES = {
  [0] = "ok", [1] = "timeout", [2] = "no such socket", [3] = "peer unreachable",
  [4] = "peer restarted", [5] = "cancelled", [6] = "overloaded", [7] = "not a server",
  [8] = "message too long", [9] = "invalid argument", [10] = "no such RPC", [11] = "would block",
  [12] = "closed", [13] = "in use", [14] = "no memory", [15] = "not permitted",
  [16] = "system error", [17] = "stale request",
  [18] = "peer silent", [19] = "peer gone", [20] = "wrong process", [21] = "too slow",
  [22] = "engine lost", [23] = "draining",
}

-- Fields -----------------------------------------------------------------------------------------

local f = {}  -- name behind "homa." with dots as underscores -> field
local function field(name, make, ...)
  local made = make("homa." .. name, ...)
  f[(name:gsub("%.", "_"))] = made
end

field("srcport", ProtoField.uint16, "Source port", base.DEC)
field("dstport", ProtoField.uint16, "Destination port", base.DEC)
field("sequence", ProtoField.uint32, "Sequence", base.DEC)
field("identity", ProtoField.uint64, "Identity (0: a kernel)", base.HEX)
field("type", ProtoField.uint8, "Type", base.HEX, TYPES)
field("tcp_data_offset", ProtoField.uint8, "Data offset", base.HEX)
field("flags", ProtoField.uint8, "Flags", base.HEX)
field("window", ProtoField.uint16, "Window", base.DEC)
field("checksum", ProtoField.uint16, "Checksum", base.HEX)
field("urgent", ProtoField.uint16, "Urgent", base.HEX)
field("sender_id", ProtoField.uint64, "Sender id", base.HEX)
field("priority", ProtoField.uint8, "Priority", base.DEC)
field("carrier", ProtoField.string, "Carrier")

field("data.offset", ProtoField.uint32, "Offset in the message", base.DEC)
field("data.length", ProtoField.uint32, "Payload bytes", base.DEC)
field("data.message_length", ProtoField.uint32, "Message length", base.DEC)
field("data.incoming", ProtoField.uint32, "Sent without a further grant", base.DEC)
field("data.retransmit", ProtoField.uint8, "Retransmit", base.DEC)
field("data.cutoff_version", ProtoField.uint16, "Cutoff version", base.DEC)
field("data.response_unscheduled_limit", ProtoField.uint24, "Response unscheduled limit", base.DEC)
field("data.segment_offset", ProtoField.uint32, "Segment offset", base.DEC)
field("data.payload", ProtoField.bytes, "Payload")
field("ack.client_id", ProtoField.uint64, "Acked RPC", base.HEX)
field("ack.server_port", ProtoField.uint16, "Acked RPC's server port", base.DEC)
field("ack.count", ProtoField.uint16, "Acks", base.DEC)
field("grant.offset", ProtoField.uint32, "Granted up to", base.DEC)
field("grant.priority", ProtoField.uint8, "Priority to send at", base.DEC)
field("resend.offset", ProtoField.uint32, "Missing from", base.DEC)
field("resend.length", ProtoField.uint32, "Missing bytes", base.DEC, {[EVERYTHING] = "all"})
field("resend.priority", ProtoField.uint8, "Priority to send at", base.DEC)
field("cutoffs.cutoff", ProtoField.uint32, "Longest message", base.DEC)
field("cutoffs.version", ProtoField.uint16, "Version", base.DEC)
field("error.code", ProtoField.uint8, "Code", base.DEC, ERROR_CODES)
field("error.executed", ProtoField.uint8, "Request", base.DEC, EXECUTED)
field("error.limit", ProtoField.uint32, "Longest message that the sender takes")
field("query.count", ProtoField.uint16, "RPCs listed", base.DEC)
field("query.client_id", ProtoField.uint64, "RPC asked about", base.HEX)
field("query.server_port", ProtoField.uint16, "Its server port", base.DEC)
field("status.count", ProtoField.uint8, "RPCs listed", base.DEC)
field("status.known", ProtoField.uint8, "Known (bit 0: the RPC of the header)", base.HEX)
field("nonce", ProtoField.uint64, "Nonce", base.HEX)
field("unparsed", ProtoField.bytes, "Bytes that were not understood")

-- What no packet says by itself. rpc.*: of the RPC as a whole, the same in all of its packets.
field("rpc.index", ProtoField.uint32, "RPC of this capture", base.DEC)
field("rpc.id", ProtoField.uint64, "RPC (the client's id)", base.HEX)
field("rpc.message", ProtoField.string, "About the")
field("rpc.server_port", ProtoField.uint16, "Server port", base.DEC)
field("rpc.first_frame", ProtoField.framenum, "First frame", base.NONE)
field("rpc.request_length", ProtoField.uint32, "Request bytes", base.DEC)
field("rpc.response_length", ProtoField.uint32, "Response bytes", base.DEC)
field("rpc.time", ProtoField.relative_time, "RPC time")
field("rpc.request_time", ProtoField.relative_time, "Request, first to last packet")
field("rpc.server_time", ProtoField.relative_time, "Server, whole request to first response packet")
field("rpc.response_time", ProtoField.relative_time, "Response, first to last packet")
field("rpc.packets", ProtoField.uint32, "Packets", base.DEC)
field("rpc.retransmissions", ProtoField.uint32, "Retransmissions", base.DEC)
field("rpc.gaps", ProtoField.uint32, "Gaps", base.DEC)
field("rpc.grants", ProtoField.uint32, "Grants", base.DEC)
field("rpc.resends", ProtoField.uint32, "RESENDs", base.DEC)
field("rpc.error", ProtoField.uint8, "Ended with", base.DEC, ERROR_CODES)
field("rpc.acked_in", ProtoField.framenum, "Acked in", base.NONE, frametype.ACK)
field("request_in", ProtoField.framenum, "Request in", base.NONE, frametype.REQUEST)
field("response_in", ProtoField.framenum, "Response in", base.NONE, frametype.RESPONSE)
field("reassembled_in", ProtoField.framenum, "Message complete in", base.NONE)
field("time", ProtoField.relative_time, "Time since the request's first packet")
field("message", ProtoField.bytes, "Message")
field("message.length", ProtoField.uint32, "Message bytes", base.DEC)

field("analysis.seen", ProtoField.uint32, "Bytes of the message seen so far", base.DEC)
field("analysis.duplicate", ProtoField.uint32, "Bytes seen before", base.DEC)
field("analysis.retransmission", ProtoField.bool, "Retransmission")
field("analysis.gap", ProtoField.uint32, "Bytes missing before this packet", base.DEC)
field("analysis.out_of_order", ProtoField.bool, "Out of order")
field("analysis.granted", ProtoField.uint32, "Bytes newly granted", base.DEC)
field("analysis.outstanding", ProtoField.uint32, "Bytes granted and not seen yet", base.DEC)

local all_fields = {}
for _, made in pairs(f) do table.insert(all_fields, made) end
homa.fields = all_fields

local e = {
  malformed = ProtoExpert.new("homa.dropped", "A receiver drops this packet",
                              expert.group.MALFORMED, expert.severity.ERROR),
  unknown_type = ProtoExpert.new("homa.unknown_type", "A receiver drops this packet: unknown type",
                                 expert.group.PROTOCOL, expert.severity.WARN),
  wrong_length = ProtoExpert.new("homa.wrong_length", "Another message length than before: dropped",
                                 expert.group.PROTOCOL, expert.severity.WARN),
  stale = ProtoExpert.new("homa.stale", "From before its sender's restart: dropped",
                          expert.group.PROTOCOL, expert.severity.WARN),
  restart = ProtoExpert.new("homa.restart", "The sender has restarted",
                            expert.group.SEQUENCE, expert.severity.WARN),
  retransmission = ProtoExpert.new("homa.retransmission", "Retransmission",
                                   expert.group.SEQUENCE, expert.severity.NOTE),
  duplicate = ProtoExpert.new("homa.duplicate", "Bytes that this capture has seen before",
                              expert.group.SEQUENCE, expert.severity.NOTE),
  gap = ProtoExpert.new("homa.gap", "Bytes before this packet are missing",
                        expert.group.SEQUENCE, expert.severity.WARN),
  out_of_order = ProtoExpert.new("homa.out_of_order", "Out of order",
                                 expert.group.SEQUENCE, expert.severity.NOTE),
  ungranted = ProtoExpert.new("homa.ungranted", "Sent without a grant that this capture shows",
                              expert.group.SEQUENCE, expert.severity.NOTE),
  stale_grant = ProtoExpert.new("homa.stale_grant", "A grant that allows nothing new",
                                expert.group.SEQUENCE, expert.severity.NOTE),
  resend = ProtoExpert.new("homa.asked_again", "Asks for bytes that have not arrived",
                           expert.group.SEQUENCE, expert.severity.NOTE),
  unknown_rpc = ProtoExpert.new("homa.unknown_rpc", "The sender does not know this RPC",
                                expert.group.SEQUENCE, expert.severity.WARN),
  error = ProtoExpert.new("homa.error", "The sender ended this RPC",
                          expert.group.RESPONSE_CODE, expert.severity.WARN),
  icmp = ProtoExpert.new("homa.icmp", "An ICMP error is about this packet",
                         expert.group.RESPONSE_CODE, expert.severity.WARN),
  no_response = ProtoExpert.new("homa.no_response", "This capture has no complete response",
                                expert.group.SEQUENCE, expert.severity.NOTE),
  untracked = ProtoExpert.new("homa.untracked", "Too many stretches: this message is not followed",
                              expert.group.REASSEMBLE, expert.severity.NOTE),
  cut = ProtoExpert.new("homa.cut", "The capture holds only the packet's beginning",
                        expert.group.UNDECODED, expert.severity.NOTE),
}
local all_experts = {}
for _, made in pairs(e) do table.insert(all_experts, made) end
homa.experts = all_experts

homa.prefs.udp_ports = Pref.range("UDP ports", "54321", "UDP ports that carry Homa", 65535)
homa.prefs.tcp_shaped = Pref.bool("Packets shaped as TCP", true,
                                  "Recognise Homa in TCP segments with SYN, RST and urgent 0xb97d")
homa.prefs.reassemble = Pref.bool("Reassemble messages", true,
                                  "Keep the bytes of messages, show them whole and hand them to " ..
                                  "the dissector of their server port (table homa.port)")

local ip_class, ipv6_class = Field.new("ip.dsfield"), Field.new("ipv6.tclass")
local by_port = DissectorTable.new("homa.port", "Homa server port", ftypes.UINT16, base.DEC, homa)

-- Books ------------------------------------------------------------------------------------------

local rpcs, rpc_count  -- "host|client id" -> RPC
local hosts            -- "host|peer" -> the identity that it shows to that peer, now and before
local facts_of         -- "frame|number of the packet in it" -> what `observe` found

function homa.init()
  rpcs, rpc_count, hosts, facts_of = {}, 0, {}, {}
end

local function new_message()
  return {stretches = {}, seen = 0, highest = 0, allowed = 0, pieces = {}}
end

-- Adds bytes [from, to) to sorted stretches that neither touch nor overlap. Returns how many of the
-- bytes are new.
local function cover(stretches, from, to)
  local last = stretches[#stretches]
  if last and last[2] == from then  -- nearly always
    last[2] = to
    return to - from
  end
  local fresh, at = to - from, 1
  while stretches[at] and stretches[at][2] < from do at = at + 1 end
  local first, final = from, to
  while stretches[at] and stretches[at][1] <= to do
    local old = table.remove(stretches, at)
    fresh = fresh - math.max(0, math.min(old[2], to) - math.max(old[1], from))
    first, final = math.min(first, old[1]), math.max(final, old[2])
  end
  table.insert(stretches, at, {first, final})
  return fresh
end

-- The message of pieces {offset, bytes} that together cover it.
local function join(message)
  table.sort(message.pieces, function(a, b) return a[1] < b[1] end)
  local parts, at = {}, 0
  for _, piece in ipairs(message.pieces) do
    if piece[1] + #piece[2] > at then
      table.insert(parts, piece[2]:sub(at - piece[1] + 1))
      at = piece[1] + #piece[2]
    end
  end
  return table.concat(parts)
end

local function find_rpc(p, make)
  local key = p.client .. "|" .. p.id
  local rpc = rpcs[key]
  -- A client that restarted may use an id again, for another RPC.
  local reused = rpc and p.from_client and not p.kernel and rpc.identity ~= nil and
                 rpc.identity ~= p.identity
  if make and (rpc == nil or reused) then
    rpc_count = rpc_count + 1
    rpc = {index = rpc_count, first_frame = p.frame, packets = 0, retransmissions = 0,
           gaps = 0, grants = 0, resends = 0, request = new_message(), response = new_message()}
    rpcs[key] = rpc
  end
  return rpc
end

local function note(facts, which, text)
  table.insert(facts.notes, {which, text})
end

local function observe_host(p, facts)
  if p.kernel then return end
  local key = p.sender .. "|" .. p.receiver
  local host = hosts[key]
  if host == nil then
    hosts[key] = {now = p.identity}
  elseif host.before == p.identity then
    note(facts, e.stale)
    facts.stale = true
  elseif host.now ~= p.identity then
    note(facts, e.restart)
    hosts[key] = {now = p.identity, before = host.now}
  end
end

local function note_position(rpc, message, p, facts)
  local fresh = facts.fresh
  if p.retransmit ~= 0 then
    rpc.retransmissions = rpc.retransmissions + 1
    note(facts, e.retransmission)
    facts.retransmission = true
  elseif p.offset > message.highest then
    rpc.gaps = rpc.gaps + 1
    facts.gap = p.offset - message.highest
    note(facts, e.gap, facts.gap .. " bytes before this packet are missing")
  elseif p.offset < message.highest and fresh > 0 then
    note(facts, e.out_of_order)
    facts.out_of_order = true
  end
  if fresh < p.length then
    note(facts, e.duplicate, (p.length - fresh) .. " bytes that this capture has seen before")
  end
  if p.offset >= message.allowed and p.retransmit == 0 then note(facts, e.ungranted) end
end

local function complete(rpc, message, p, facts)
  message.complete_frame, message.complete_time = p.frame, p.time
  facts.completes = true
  if message == rpc.response and rpc.request.first_time then
    facts.time = p.time - rpc.request.first_time
  end
  if homa.prefs.reassemble and message.whole_pieces ~= false then message.bytes = join(message) end
  message.pieces = {}
end

local function observe_data(rpc, message, p, facts)
  if message.length == nil then
    message.length, message.first_frame, message.first_time = p.message_length, p.frame, p.time
    message.allowed = p.incoming
  elseif message.length ~= p.message_length then
    note(facts, e.wrong_length)
    return
  end
  if #message.stretches >= STRETCHES_MAX then
    note(facts, e.untracked)
    return
  end
  facts.fresh = cover(message.stretches, p.offset, p.offset + p.length)
  message.seen = message.seen + facts.fresh
  facts.seen = message.seen
  note_position(rpc, message, p, facts)
  message.highest = math.max(message.highest, p.offset + p.length)
  if facts.fresh == 0 then return end
  if p.payload == nil then
    message.whole_pieces = false  -- the capture cut it
  elseif homa.prefs.reassemble then
    table.insert(message.pieces, {p.offset, p.payload})
  end
  if message.seen == message.length then complete(rpc, message, p, facts) end
end

local function observe_grant(rpc, message, p, facts)
  rpc.grants = rpc.grants + 1
  facts.granted = math.max(0, p.grant - message.allowed)
  if facts.granted == 0 then note(facts, e.stale_grant) end
  message.allowed = math.max(message.allowed, p.grant)
  facts.outstanding = math.max(0, message.allowed - message.seen)
end

-- Bytes that RESEND asks for count as granted (docs/protocol.md).
local function observe_resend(rpc, message, p, facts)
  rpc.resends = rpc.resends + 1
  if p.missing == EVERYTHING then
    note(facts, e.resend, "Asks for everything again")
  else
    message.allowed = math.max(message.allowed, p.from + p.missing)
    note(facts, e.resend, "Asks for " .. p.missing .. " bytes that have not arrived")
  end
end

local function observe_acks(p)
  for _, ack in ipairs(p.acks) do
    local rpc = rpcs[p.client .. "|" .. ack]
    if rpc and not rpc.acked_frame then rpc.acked_frame = p.frame end
  end
end

-- Which message of its RPC a packet is about: DATA comes from the message's sender, GRANT, RESEND
-- and NEED_ACK from or to the other side.
local function subject(p)
  if p.type == DATA then return p.from_client and "request" or "response" end
  if p.type == GRANT or p.type == RESEND then return p.from_client and "response" or "request" end
  return nil
end

-- Enters a well-formed packet into the books; returns its facts.
local function observe(p)
  local facts = {notes = {}, subject = subject(p)}
  observe_host(p, facts)
  observe_acks(p)
  -- The header of CUTOFFS and FREEZE names no RPC. UNKNOWN and ACK may be about one of long ago.
  if p.type == CUTOFFS or p.type == FREEZE or facts.stale then return facts end
  local rpc = find_rpc(p, true)
  facts.rpc = rpc
  rpc.packets = rpc.packets + 1
  if p.from_client and rpc.identity == nil then rpc.identity = p.identity end
  rpc.server_port = rpc.server_port or p.server_port
  local message = rpc[facts.subject]
  if p.type == DATA then
    observe_data(rpc, message, p, facts)
  elseif p.type == GRANT then
    observe_grant(rpc, message, p, facts)
  elseif p.type == RESEND then
    observe_resend(rpc, message, p, facts)
  elseif p.type == UNKNOWN then
    note(facts, e.unknown_rpc)
  elseif p.type == ERROR then
    rpc.error = p.code
    note(facts, e.error, "The sender ended this RPC: " .. (ERROR_CODES[p.code] or "cancelled"))
  elseif p.type == ACK and p.from_client then
    rpc.acked_frame = rpc.acked_frame or p.frame
  end
  return facts
end

-- Parsing ----------------------------------------------------------------------------------------

-- An id of 64 bits as the client names it: as a key and as a value.
local function client_id(range)
  local high, low = range(0, 4):uint(), range(4, 4):uint()
  low = low - low % 2
  return string.format("%08x%08x", high, low), UInt64.new(low, high)
end

local function add_ack(tvb, at, tree, p)
  tree:add(f.ack_client_id, tvb(at, 8))
  tree:add(f.ack_server_port, tvb(at + 8, 2))
  table.insert(p.acks, (client_id(tvb(at, 8))))
end

local function add_data(tvb, tree, p)
  p.message_length, p.incoming = tvb(28, 4):uint(), tvb(32, 4):uint()
  p.retransmit, p.length = tvb(48, 1):uint(), tvb:reported_len() - 56
  local segment_offset = tvb(52, 4):uint()
  local at = segment_offset == NO_OFFSET and tvb(4, 4) or tvb(52, 4)
  p.offset = at:uint()
  tree:add(f.data_offset, at):set_generated()
  tree:add(f.data_length, p.length):set_generated()
  tree:add(f.data_message_length, tvb(28, 4))
  tree:add(f.data_incoming, tvb(32, 4))
  if tvb(36, 4):uint() ~= 0 or tvb(40, 4):uint() ~= 0 then add_ack(tvb, 36, tree, p) end
  tree:add(f.data_cutoff_version, tvb(46, 2))
  tree:add(f.data_retransmit, tvb(48, 1))
  tree:add(f.data_response_unscheduled_limit, tvb(49, 3))
  local item = tree:add(f.data_segment_offset, tvb(52, 4))
  if segment_offset == NO_OFFSET then item:append_text(" (use the sequence)") end
  if tvb:len() > 56 then tree:add(f.data_payload, tvb(56)) end
  if tvb:len() == tvb:reported_len() then p.payload = tvb:raw(56) end
  p.text = string.format("%d-%d of %d", p.offset, p.offset + p.length, p.message_length)
  if p.retransmit ~= 0 then p.text = p.text .. " again" end
  if p.message_length == 0 then return "DATA of an empty message" end
  if p.length == 0 then return "DATA without payload" end
  if p.offset + p.length > p.message_length then return "DATA beyond the message's end" end
end

local function add_grant(tvb, tree, p)
  p.grant = tvb(28, 4):uint()
  tree:add(f.grant_offset, tvb(28, 4))
  tree:add(f.grant_priority, tvb(32, 1))
  p.text = string.format("up to %d at priority %d", p.grant, tvb(32, 1):uint())
end

local function add_resend(tvb, tree, p)
  p.from, p.missing = tvb(28, 4):uint(), tvb(32, 4):uint()
  tree:add(f.resend_offset, tvb(28, 4))
  tree:add(f.resend_length, tvb(32, 4))
  tree:add(f.resend_priority, tvb(36, 1))
  p.text = p.missing == EVERYTHING and string.format("all from %d", p.from) or
           string.format("%d-%d", p.from, p.from + p.missing)
end

local function add_cutoffs(tvb, tree, p)
  for priority = 0, 7 do
    tree:add(f.cutoffs_cutoff, tvb(28 + 4 * priority, 4)):append_text(" at priority " .. priority)
  end
  tree:add(f.cutoffs_version, tvb(60, 2))
  p.text = "version " .. tvb(60, 2):uint()
end

local function add_acks(tvb, tree, p)
  local count = tvb(28, 2):uint()
  tree:add(f.ack_count, tvb(28, 2))
  p.text = count .. " more"
  if count > 5 then return "ACK that claims more than five acks" end
  for i = 0, count - 1 do add_ack(tvb, 30 + 10 * i, tree, p) end
end

local function add_error(tvb, tree, p)
  p.code = tvb(28, 1):uint()
  tree:add(f.error_code, tvb(28, 1))
  tree:add(f.error_executed, tvb(29, 1))
  if tvb:len() >= 34 then tree:add(f.error_limit, tvb(30, 4)) end
  p.text = ERROR_CODES[p.code] or ("code " .. p.code)
end

local function add_rpcs(tvb, tree, p, count)
  p.text = count .. " more"
  if count > 5 then return TYPES[p.type] .. " that claims to list more than five RPCs" end
  for i = 0, count - 1 do
    tree:add(f.query_client_id, tvb(30 + 10 * i, 8))
    tree:add(f.query_server_port, tvb(38 + 10 * i, 2))
  end
end

local function add_query(tvb, tree, p)
  tree:add(f.query_count, tvb(28, 2))
  return add_rpcs(tvb, tree, p, tvb(28, 2):uint())
end

local function add_status(tvb, tree, p)
  tree:add(f.status_count, tvb(28, 1))
  tree:add(f.status_known, tvb(29, 1))
  return add_rpcs(tvb, tree, p, tvb(28, 1):uint())
end

local function add_nonce(tvb, tree)
  tree:add(f.nonce, tvb(28, 8))
end

-- Type -> adds its fields to the tree and to `p`; returns why a receiver drops it, if it does.
local ADD = {
  [DATA] = add_data, [GRANT] = add_grant, [RESEND] = add_resend, [CUTOFFS] = add_cutoffs,
  [ACK] = add_acks, [ERROR] = add_error, [QUERY] = add_query, [STATUS] = add_status,
  [CHALLENGE] = add_nonce, [ANSWER] = add_nonce,
}

local function network_priority(v6)
  local all = v6 and {ipv6_class()} or {ip_class()}
  local last = all[#all]  -- the innermost: an ICMP error has a packet within
  return last and math.floor(last.value / 32)
end

-- What every packet has, a malformed one too.
local function add_network(tree, pinfo, carrier)
  local priority = network_priority(tostring(pinfo.net_src):find(":") ~= nil)
  if priority then tree:add(f.priority, priority):set_generated() end
  tree:add(f.carrier, carrier):set_generated()
end

-- Bytes 8 to 10, the low byte of the window, and the sequence, which counts from there.
local function identity_of(tvb)
  local first = tvb(8, 3):uint()
  if first == 0 then return UInt64(0, 0) end
  local offset = tvb(11, 1):uint() == DATA and tvb:len() >= 56 and tvb(52, 4):uint() or 0
  return UInt64((tvb(4, 4):uint() - offset) % 0x100000000, first * 256 + tvb(15, 1):uint())
end

local function add_common(tvb, tree)
  tree:add(f.srcport, tvb(0, 2))
  tree:add(f.dstport, tvb(2, 2))
  tree:add(f.sequence, tvb(4, 4))
  tree:add(f.identity, tvb(8, 3), identity_of(tvb))
  tree:add(f.type, tvb(11, 1))
  tree:add(f.tcp_data_offset, tvb(12, 1))
  tree:add(f.flags, tvb(13, 1))
  tree:add(f.window, tvb(14, 2))
  tree:add(f.checksum, tvb(16, 2))
  tree:add(f.urgent, tvb(18, 2))
  tree:add(f.sender_id, tvb(20, 8))
end

local function host_name(address, port, carrier)
  return carrier == "udp" and string.format("%s%%%d", address, port) or tostring(address)
end

-- Caller made sure of COMMON_BYTES.
local function read_common(tvb, pinfo, carrier)
  local p = {frame = pinfo.number, time = pinfo.rel_ts, acks = {}}
  p.type, p.kernel, p.identity = tvb(11, 1):uint(), tvb(8, 3):uint() == 0, tostring(identity_of(tvb))
  p.from_client = tvb(27, 1):uint() % 2 == 0
  p.id, p.id_value = client_id(tvb(20, 8))
  p.server_port = tvb(p.from_client and 2 or 0, 2):uint()
  p.sender = host_name(pinfo.src, pinfo.src_port, carrier)
  p.receiver = host_name(pinfo.dst, pinfo.dst_port, carrier)
  p.client = p.from_client and p.sender or p.receiver
  return p
end

-- Showing ----------------------------------------------------------------------------------------

local function add_time(tree, which, seconds)
  local whole = math.floor(seconds)
  local rest = math.floor((seconds - whole) * 1e9 + 0.5)
  tree:add(which, NSTime.new(whole, rest)):set_generated()
end

local function add_times(tree, rpc)
  local request, response = rpc.request, rpc.response
  if request.complete_time then
    add_time(tree, f.rpc_request_time, request.complete_time - request.first_time)
  end
  if request.complete_time and response.first_time and
     response.first_time >= request.complete_time then
    add_time(tree, f.rpc_server_time, response.first_time - request.complete_time)
  end
  if response.complete_time then
    add_time(tree, f.rpc_response_time, response.complete_time - response.first_time)
    if request.first_time then
      add_time(tree, f.rpc_time, response.complete_time - request.first_time)
    end
  end
end

-- The RPC as a whole, as far as the capture was read.
local function add_rpc(tree, rpc, p)
  local branch = tree:add("RPC " .. rpc.index)
  branch:set_generated()
  local function add(which, value)
    if value then branch:add(which, value):set_generated() end
  end
  add(f.rpc_index, rpc.index)
  add(f.rpc_server_port, rpc.server_port)
  add(f.rpc_first_frame, rpc.first_frame)
  add(f.rpc_request_length, rpc.request.length)
  add(f.rpc_response_length, rpc.response.length)
  add(f.request_in, not p.from_client and rpc.request.complete_frame)
  add(f.response_in, p.from_client and rpc.response.complete_frame)
  add_times(branch, rpc)
  add(f.rpc_packets, rpc.packets)
  add(f.rpc_retransmissions, rpc.retransmissions)
  add(f.rpc_gaps, rpc.gaps)
  add(f.rpc_grants, rpc.grants)
  add(f.rpc_resends, rpc.resends)
  add(f.rpc_error, rpc.error)
  add(f.rpc_acked_in, rpc.acked_frame)
end

local function add_analysis(tree, facts, visited)
  local function add(which, value)
    if value then tree:add(which, value):set_generated() end
  end
  add(f.rpc_message, facts.subject)
  add(f.analysis_seen, facts.seen)
  if facts.fresh and facts.length > facts.fresh then
    add(f.analysis_duplicate, facts.length - facts.fresh)
  end
  add(f.analysis_retransmission, facts.retransmission)
  add(f.analysis_gap, facts.gap)
  add(f.analysis_out_of_order, facts.out_of_order)
  add(f.analysis_granted, facts.granted)
  add(f.analysis_outstanding, facts.outstanding)
  if facts.time then add_time(tree, f.time, facts.time) end
  for _, one in ipairs(facts.notes) do
    if one[2] then
      tree:add_proto_expert_info(one[1], one[2])
    else
      tree:add_proto_expert_info(one[1])
    end
  end
  local rpc = facts.rpc
  if visited and rpc and facts.completes and facts.subject == "request" and
     not rpc.response.complete_frame then
    tree:add_proto_expert_info(e.no_response)
  end
end

-- The message in the packet that completes it; in the others a link to that one.
local function add_message(facts, pinfo, tree, root)
  local message = facts.rpc and facts.subject and facts.rpc[facts.subject]
  if message == nil or message.complete_frame == nil or facts.fresh == nil then return end
  if not facts.completes then
    tree:add(f.reassembled_in, message.complete_frame):set_generated()
    return
  end
  tree:add(f.message_length, message.length):set_generated()
  if message.bytes == nil then return end
  local whole = ByteArray.new(message.bytes, true):tvb("Homa " .. facts.subject)
  tree:add(f.message, whole()):set_generated()
  by_port:try(facts.rpc.server_port, whole, pinfo, root)
end

local function set_columns(pinfo, p, tvb, first)
  local info = string.format("%d → %d %s", tvb(0, 2):uint(), tvb(2, 2):uint(),
                             TYPES[p.type] or string.format("type 0x%02x", p.type))
  if p.text then info = info .. " " .. p.text end
  pinfo.cols.protocol = "Homa"
  if first then
    pinfo.cols.info = info
  else
    pinfo.cols.info:append("; " .. info)
  end
end

-- Adds the fields of the packet's type. Returns whether it is well-formed and whole enough to be
-- entered into the books.
local function add_type(tvb, tree, p)
  local minimum = MINIMUM_BYTES[p.type]
  if minimum == nil then
    tree:add_proto_expert_info(e.unknown_type, string.format("Unknown type 0x%02x", p.type))
    if tvb:len() > COMMON_BYTES then tree:add(f.unparsed, tvb(COMMON_BYTES)) end
    return false
  end
  if tvb:reported_len() < minimum then
    tree:add_proto_expert_info(e.malformed, string.format(
      "A receiver drops this packet: %d bytes, %s has at least %d", tvb:reported_len(),
      TYPES[p.type], minimum))
    return false
  end
  if tvb:len() < minimum then
    tree:add_proto_expert_info(e.cut)
    return false
  end
  local refused = ADD[p.type] and ADD[p.type](tvb, tree, p)
  if refused then
    tree:add_proto_expert_info(e.malformed, "A receiver drops this packet: " .. refused)
  end
  return refused == nil
end

-- One Homa packet, the number-th in its frame.
local function dissect_packet(tvb, pinfo, root, carrier, number)
  local tree = root:add(homa, tvb())
  add_network(tree, pinfo, carrier)
  if tvb:len() < COMMON_BYTES then
    local cut = tvb:reported_len() >= COMMON_BYTES
    tree:add_proto_expert_info(cut and e.cut or e.malformed)
    tree:add(f.unparsed, tvb())
    pinfo.cols.protocol = "Homa"
    return
  end
  local p = read_common(tvb, pinfo, carrier)
  tree:append_text(", " .. (TYPES[p.type] or string.format("type 0x%02x", p.type)))
  add_common(tvb, tree)
  tree:add(f.rpc_id, tvb(20, 8), p.id_value):set_generated()
  local well_formed = add_type(tvb, tree, p)
  if p.text then tree:append_text(" " .. p.text) end
  if pinfo.in_error_pkt then
    tree:add_proto_expert_info(e.icmp)
    local rpc = find_rpc(p, false)
    if rpc then add_rpc(tree, rpc, p) end
    return
  end
  set_columns(pinfo, p, tvb, number == 1)
  if not well_formed then return end
  local key = pinfo.number .. "|" .. number
  if facts_of[key] == nil then
    facts_of[key] = observe(p)
    facts_of[key].length = p.length
  end
  local facts = facts_of[key]
  add_analysis(tree, facts, pinfo.visited)
  if facts.rpc then add_rpc(tree, facts.rpc, p) end
  add_message(facts, pinfo, tree, root)
end

-- Carriers ---------------------------------------------------------------------------------------

local function looks_like_homa(tvb)
  return tvb:len() >= 20 and tvb(13, 1):uint() == TCP_FLAGS and tvb(18, 2):uint() == TCP_URGENT
end

-- Bytes of each packet where offload left several in one datagram, as captures on the sending and
-- the receiving host show them: the next one repeats the first one's ports, flags and urgent.
local function packet_bytes(tvb)
  local bytes = tvb:raw()
  local ports = bytes:sub(1, 4)
  local at = bytes:find(ports, COMMON_BYTES + 1, true)
  while at and at + COMMON_BYTES - 1 <= #bytes do
    if bytes:byte(at + 13) == TCP_FLAGS and bytes:byte(at + 18) == 0xb9 and
       bytes:byte(at + 19) == 0x7d then
      return at - 1
    end
    at = bytes:find(ports, at + 1, true)
  end
  return nil
end

local function dissect_datagram(tvb, pinfo, root)
  local each = tvb:len() >= 2 * COMMON_BYTES and packet_bytes(tvb)
  if not each then return dissect_packet(tvb, pinfo, root, "udp", 1) end
  local number, at = 0, 0
  while at < tvb:len() do
    number = number + 1
    local part = tvb(at, math.min(each, tvb:len() - at)):tvb()
    dissect_packet(part, pinfo, root, "udp", number)
    at = at + each
  end
end

function homa.dissector(tvb, pinfo, root)
  if tvb:len() > 0 then dissect_packet(tvb, pinfo, root, "ip", 1) end
  return tvb:len()
end

function over_udp.dissector(tvb, pinfo, root)
  if tvb:len() > 0 then dissect_datagram(tvb, pinfo, root) end
  return tvb:len()
end

-- Wireshark asks one dissector per IP protocol, so this one stands before TCP's. What TCP or a
-- protocol above it cannot read must not look like an error of this script.
local tcp = Dissector.get("tcp")
local malformed = ProtoExpert.new("homa_tcp.malformed", "Malformed packet (not Homa)",
                                  expert.group.MALFORMED, expert.severity.ERROR)
local short = ProtoExpert.new("homa_tcp.short", "Packet size limited during capture (not Homa)",
                              expert.group.UNDECODED, expert.severity.NOTE)
tcp_shaped.experts = {malformed, short}
function tcp_shaped.dissector(tvb, pinfo, root)
  if homa.prefs.tcp_shaped and looks_like_homa(tvb) then
    dissect_packet(tvb, pinfo, root, "tcp", 1)
    return tvb:len()
  end
  local done, bytes = pcall(tcp.call, tcp, tvb, pinfo, root)
  if done then return bytes end
  root:add_proto_expert_info(tvb:len() < tvb:reported_len() and short or malformed)
  return tvb:len()
end

local udp_ports = homa.prefs.udp_ports
function homa.prefs_changed()
  if udp_ports == homa.prefs.udp_ports then return end
  local table = DissectorTable.get("udp.port")
  table:remove(udp_ports, over_udp)
  udp_ports = homa.prefs.udp_ports
  table:add(udp_ports, over_udp)
end

DissectorTable.get("udp.port"):add(udp_ports, over_udp)
DissectorTable.get("ip.proto"):add(146, homa)
DissectorTable.get("ip.proto"):add(6, tcp_shaped)
over_udp:register_heuristic("udp", function(tvb, pinfo, root)
  if tvb:len() < COMMON_BYTES or not looks_like_homa(tvb) then return false end
  dissect_datagram(tvb, pinfo, root)
  return true
end)
