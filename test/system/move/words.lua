#!/usr/bin/lua5.4
-- SPDX-License-Identifier: BSD-3-Clause
-- words.lua - moves inside of a coroutine, with closures and metatables; judges itself.
local hop = assert(package.loadlib(arg[1], "hop_here"))

local made = setmetatable({}, {__index = function(t, n)
    t[n] = n < 2 and n or t[n - 1] + t[n - 2]
    return t[n]
end})
local steps = coroutine.wrap(function()
    for n = 1, 60 do
        if n == 30 then
            hop()
        end
        coroutine.yield(made[n])
    end
end)
local sum, text = 0, {}
for _ = 1, 60 do
    local n = steps()
    sum = sum + n
    text[#text + 1] = string.format("%x", n)
end
assert(sum == 4052739537880, "wrong: the sum is " .. sum)
assert(#table.concat(text):gsub("%x", "") == 0, "wrong: the text")
local ok, message = pcall(error, {code = 7})
assert(not ok and message.code == 7, "wrong: an error after")
collectgarbage()
