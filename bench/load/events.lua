-- Deliveries as Podio sends them, each of another item, as fast as the server takes them.
-- Arguments: path, first item id (all ids of a run have as many digits).
local head, tail, item

function init(args)
  item = tonumber(args[2])
  local size = #string.format("item_id=%d&item_revision_id=1&type=item.update&hook_id=4711", item)
  head = "POST " .. args[1] .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Podio Webhooks/1.0\r\nAccept: */*\r\n"
    .. "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: " .. size .. "\r\n\r\nitem_id="
  tail = "&item_revision_id=1&type=item.update&hook_id=4711"
end

function request()
  item = item + 1
  return head .. string.format("%d", item) .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%.6f,"failed":%d,"p50":%.3f,"p99":%.3f,"max":%.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
