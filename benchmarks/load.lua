-- The load: requests from a file made by bench.py, one a line, its fields separated by tabs.
--
--   same     method, path, token, name and value of a header, body: sent in turn, again and again
--   edit     path, token, version: each task is changed with the ETag of its last answer in If-Match
--   refresh  path, token: each refresh token is exchanged for the next, which is exchanged in its turn
--
-- What is under way is in no queue, so nobody sends the same version or token twice.

local queue, first, last = {}, 1, 0
local failed = 0

local function put(item)
  last = last + 1
  queue[last] = item
end

local function take()
  local item = queue[first]
  if item == nil then error("more connections than there are tasks, or tokens, to use") end
  queue[first] = nil
  first = first + 1
  return item
end

local function headers(token, more)
  local all = more or {}
  all["Authorization"] = token ~= "" and "Bearer " .. token or nil
  return all
end

local modes = {}

function modes.same(lines)
  local requests, turn = {}, 0
  for _, f in ipairs(lines) do
    local more = {}
    if f[4] ~= "" then more[f[4]] = f[5] end
    if f[6] ~= "" then more["Content-Type"] = "application/json" end
    table.insert(requests, wrk.format(f[1], f[2], headers(f[3], more), f[6] ~= "" and f[6] or nil))
  end
  request = function()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function modes.edit(lines)
  local tokens, number = {}, 0
  for _, f in ipairs(lines) do
    local id = f[1]:match("([%x-]+)/$")
    tokens[id] = f[2]
    put({ id, '"' .. f[3] .. '"' })
  end
  request = function()
    local task = take()
    number = number + 1
    local more = { ["If-Match"] = task[2], ["Content-Type"] = "application/json" }
    local body = string.format('{"description":"%s, change %d"}', task[2]:gsub('"', ""), number)
    return wrk.format("PATCH", "/api/tasks/" .. task[1] .. "/", headers(tokens[task[1]], more), body)
  end
  response = function(status, answered, body)
    local id = body:match('"id":"([%x-]+)"')
    if status == 200 then put({ id, answered["etag"] }) else failed = failed + 1 end
  end
end

function modes.refresh(lines)
  local path = lines[1][1]
  for _, f in ipairs(lines) do put(f[2]) end
  request = function()
    local more = { ["Content-Type"] = "application/json" }
    return wrk.format("POST", path, more, '{"refresh":"' .. take() .. '"}')
  end
  response = function(status, _, body)
    if status == 200 then put(body:match('"refresh":"([^"]+)"')) else failed = failed + 1 end
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
