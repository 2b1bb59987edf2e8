-- Sends the requests of a file: one on each line, with the fields of workloads.Request separated by tabs.
--
--   same     send the requests in turn, repeatedly
--   edit     change each task, with the ETag of its last answer in If-Match
--   refresh  exchange each refresh token for the next one
--
-- A request in flight is not in the queue, so no two connections send the same version or token.

local queue, first, last = {}, 1, 0

local function put(item)
  last = last + 1
  queue[last] = item
end

local function take()
  local item = queue[first]
  if item == nil then error("there are fewer tasks or tokens than connections") end
  queue[first] = nil
  first = first + 1
  return item
end

local function written(f, value, body)
  local headers = {}
  if f[3] ~= "" then headers["Authorization"] = "Bearer " .. f[3] end
  if f[4] ~= "" then headers[f[4]] = value end
  if body ~= "" then headers["Content-Type"] = "application/json" end
  return wrk.format(f[1], f[2], headers, body ~= "" and body or nil)
end

local modes = {}

function modes.same(lines)
  local requests, turn = {}, 0
  for _, f in ipairs(lines) do table.insert(requests, written(f, f[5], f[6])) end
  request = function()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function modes.edit(lines)
  local tasks, number = {}, 0
  for _, f in ipairs(lines) do
    local id = f[2]:match("([%x-]+)/$")
    tasks[id] = f
    put({ id, f[5] })
  end
  request = function()
    local id, tag = unpack(take())
    number = number + 1
    return written(tasks[id], tag, string.format('{"description":"Changed %d times by now."}', number))
  end
  response = function(status, headers, body)
    if status == 200 then put({ body:match('"id":"([%x-]+)"'), headers["etag"] }) end
  end
end

function modes.refresh(lines)
  local f = lines[1]
  for _, each in ipairs(lines) do put(each[6]) end
  request = function() return written(f, "", take()) end
  response = function(status, _, body)
    if status == 200 then put("{" .. body:match('"refresh":"[^"]+"') .. "}") end
  end
end

function init(args)
  local lines = {}
  for line in io.lines(args[2]) do
    local fields = {}
    for field in (line .. "\t"):gmatch("([^\t]*)\t") do table.insert(fields, field) end
    table.insert(lines, fields)
  end
  modes[args[1]](lines)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
