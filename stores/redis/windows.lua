-- The day of the first of a month, counted from 1970-01-01. Months run on beyond 12.
local function firstOf(year, month)
	year, month = year + math.floor((month - 1) / 12), (month - 1) % 12 + 1
	if month <= 2 then
		year, month = year - 1, month + 12
	end
	-- From March on, so that a leap day is the last of its year.
	return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
		+ math.floor((153 * (month - 3) + 2) / 5) - 719468
end

-- When the window begins and ends that has the time in it, all in seconds since 1970, in UTC.
local function window(name, seconds)
	local length = ({hour = 3600, day = 86400})[name]
	if length then
		local begin = seconds - seconds % length
		return begin, begin + length
	end
	local day = math.floor(seconds / 86400)
	local year = 1970 + math.floor(day / 365.2425)
	local month = 1
	while firstOf(year, month) > day do
		month = month - 1
	end
	while firstOf(year, month + 1) <= day do
		month = month + 1
	end
	return firstOf(year, month) * 86400, firstOf(year, month + 1) * 86400
end
