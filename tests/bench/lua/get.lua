-- GETs of many paths, one after another, with a token.
--
-- wrk ... -s get.lua URL -- FILE_OF_PATHS TOKEN
--
-- Each thread of wrk has paths of its own: the odd ones or the even ones.

local started = 0
function setup(thread)
    thread:set("number", started)
    started = started + 1
end

local requests, at

function init(args)
    requests, at = {}, 0
    local n = 0
    for path in io.lines(args[1]) do
        if n % 2 == number then
            requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
                "\r\nAuthorization: Bearer " .. args[2] .. "\r\n\r\n"
        end
        n = n + 1
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        "requests=%d duration=%d refused=%d connect=%d read=%d write=%d timeout=%d p50=%d p99=%d max=%d\n",
        summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write,
        errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
