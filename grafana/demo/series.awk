# Metric series of the demo's month as wide CSV: what the business gained each hour by frauds that were stopped, what
# it cost to look into false alarms, and what the service took to fetch features. `end` is the midnight after the
# last day, in seconds.

BEGIN {
    srand(11)
    print "ts,prevented_loss_eur,review_cost_eur,feature_fetch_ms"
    for (hour = 0; hour < 720; hour++) {
        moved = hour >= 480 && hour < 672
        busy = 0.55 - 0.45 * cos(6.283185307 * (hour % 24 - 2) / 24)
        printf "%s,%.2f,%.2f,%.3f\n", strftime("%Y-%m-%dT%H:%M:%SZ", end - (720 - hour) * 3600 + 1800, 1),
            busy * (moved ? 410 : 900) * (0.8 + 0.4 * rand()), busy * (moved ? 160 : 110) * (0.7 + 0.6 * rand()),
            (moved ? 6.5 : 4) * (0.8 + 0.4 * rand())
    }
}
