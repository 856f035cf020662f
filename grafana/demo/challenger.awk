# Predictions of a second version as CSV: it sees one purchase in twenty since day 10 of the demo's month, and
# knows the device of which the first version knows nothing. `end` is the midnight after the last day, in seconds.
# What purchases are like is said in src/demo.rs; here it is drawn more simply.

function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
function flip(share) { return rand() < share }
function at(seconds) { return strftime("%Y-%m-%dT%H:%M:%SZ", seconds, 1) }
function odds(x) { return 1 / (1 + exp(-x)) }
function class(is_fraud) { return is_fraud ? "fraud" : "legit" }

BEGIN {
    srand(7)
    print "prediction_id,ts,amount,distance_km,hour,account_age_days,purchases_24h,device,merchant,card_present," \
        "score,prediction,latency_ms,status,label,label_ts"
    for (day = 10; day < 30; day++)
        for (row = 0; row < 360; row++)
            purchase(day, row)
}

function purchase(day, row,    moved, time, hour, amount, distance, age, recent, device, merchant, u, present, \
                  known, new, score, truth, late, label, came) {
    moved = day >= 20 && day < 28
    hour = int(24 * (rand() + rand()) / 2)
    time = end - (30 - day) * 86400 + hour * 3600 + int(3600 * rand())
    amount = exp(moved ? 3.2 + normal() : 3.7 + 0.9 * normal())
    distance = -(moved ? 20 : 12) * log(1 - rand())
    age = int(-300 * log((1 - rand()) * (1 - rand())) * (moved ? 0.65 : 1))
    recent = int(6 * rand()) * int(3 * rand())
    u = rand()
    device = moved && u < 0.32 ? "wearable" : u < 0.55 ? "phone" : u < 0.85 ? "laptop" : "tablet"
    u = rand()
    merchant = u < 0.35 ? "grocery" : u < 0.6 ? "online" : u < 0.75 ? "travel" : u < 0.9 ? "fuel" : "luxury"
    present = flip(merchant == "online" ? 0.02 : 0.8)
    known = 2.6 * log(amount / 60) + 0.09 * (distance - 18) + 0.5 * recent - 0.002 * age \
        + (present ? -1.2 : 0.8) + (merchant == "luxury" ? 1.5 : 0)
    new = device == "wearable" ? 14 : 0
    truth = flip(odds(2.6 * known - 3.5 + new + 0.6 * normal()))
    score = odds(2.4 * known - 3.3 + 0.8 * new)
    late = (1 + rand() + 4 * rand() * rand()) * 86400
    label = flip(0.9) && time + late <= end ? class(truth) : ""
    came = label == "" ? "" : at(time + late)
    printf "challenger-%d-%d,%s,%.2f,%.1f,%d,%d,%d,%s,%s,%s,%.6f,%s,%.3f,%s,%s,%s\n", day, row, at(time), amount,
        distance, hour, age, recent, device, merchant, present ? "true" : "false", score, class(score >= 0.5),
        exp(2.7 + 0.35 * normal()), flip(0.001) ? "timeout" : "ok", label, came
}
