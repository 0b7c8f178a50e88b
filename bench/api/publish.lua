-- wrk script: one publish a request, into 16 rooms by turns (docs/PERFORMANCE.md).
-- SPDX-License-Identifier: Apache-2.0
local n, requests = 0, {}
init = function()
  local headers = { ['Content-Type'] = 'application/json', ['X-API-Key'] = os.getenv('PLENUM_API_KEY') }
  for room = 0, 15 do
    requests[room] = wrk.format('POST', '/api/v1/publish', headers, '{"room":"bench-' .. room .. '","data":{"text":"twenty bytes of text"}}')
  end
end
request = function()
  n = (n + 1) % 16
  return requests[n]
end
