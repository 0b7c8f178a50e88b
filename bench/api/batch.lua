-- wrk script: a batch of 100 publishes a request, into 16 rooms by turns (docs/PERFORMANCE.md).
-- SPDX-License-Identifier: Apache-2.0
local whole
init = function()
  local headers, commands = { ['Content-Type'] = 'application/json', ['X-API-Key'] = os.getenv('PLENUM_API_KEY') }, {}
  for n = 1, 100 do
    commands[n] = '{"type":"publish","room":"bench-' .. n % 16 .. '","data":{"text":"twenty bytes of text"}}'
  end
  whole = wrk.format('POST', '/api/v1/batch', headers, '{"commands":[' .. table.concat(commands, ',') .. ']}')
end
request = function()
  return whole
end
