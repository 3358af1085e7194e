-- Reports of many machines that are being installed, each in the order of its own installation.
--
-- wrk ... -s report.lua URL -- FILE_OF_TOKENS FILE_OF_STEPS FIRST LAST
--
-- Each thread of wrk has builds of its own, so that a build's reports come one after another.

local started = 0
function setup(thread)
    thread:set("number", started)
    started = started + 1
end

local function lines(path)
    local found = {}
    for line in io.lines(path) do found[#found + 1] = line end
    return found
end

local tokens, heads, tails, at, round

function init(args)
    local all, steps = lines(args[1]), lines(args[2])
    local first, last, threads = tonumber(args[3]), tonumber(args[4]), 2
    tokens, heads, tails, at, round = {}, {}, {}, 0, 1
    for n = first + number, last, threads do tokens[#tokens + 1] = all[n] end
    for n, step in ipairs(steps) do
        -- All tokens have one length.
        local length = #"token=" + #tokens[1] + 1 + #step
        heads[n] = "POST /unattended/step HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
            "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " .. length .. "\r\n\r\ntoken="
        tails[n] = "&" .. step
    end
end

function request()
    at = at + 1
    if at > #tokens then
        at, round = 1, round % #heads + 1
    end
    return heads[round] .. tokens[at] .. tails[round]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "requests=%d duration=%d refused=%d connect=%d read=%d write=%d timeout=%d p50=%d p99=%d max=%d\n",
        summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write,
        errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
