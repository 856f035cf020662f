"""Rules of alerts from Python: what is wrong with one, applying them, a silence, and the alerts.

`python alerts.py ADDRESS` needs the model of monitor.py.
"""

import getpass
import sys
from datetime import UTC, datetime, timedelta

import grpc
from driftline.v1 import alert_pb2, alert_pb2_grpc, rule_pb2

from errors import explain


def rules(when: str) -> rule_pb2.RuleSet:
    """One rule on any feature, told to the server's log."""
    log = rule_pb2.AlertChannel(name="log", type="log")
    drift = rule_pb2.AlertRule(
        name="drift",
        model="fraud",
        metric="psi",
        window=timedelta(days=1),
        every=timedelta(hours=1),
        when=when,
        severity=rule_pb2.ALERT_SEVERITY_CRITICAL,
        channels=[log.name],
    )
    return rule_pb2.RuleSet(channels=[log], rules=[drift])


def main(address: str) -> None:
    service = alert_pb2_grpc.AlertServiceStub(grpc.insecure_channel(address))
    try:
        service.ApplyRules(alert_pb2.ApplyRulesRequest(rule_set=rules("> a lot")))
    except grpc.RpcError as error:
        explain(error)
    for attempt in ("once", "again"):
        request = alert_pb2.ApplyRulesRequest(rule_set=rules("> 0.2"), author=getpass.getuser())
        answer = service.ApplyRules(request)
        count = len(answer.differences)
        print(f"applied {attempt}: {count} differences, revision {answer.revision}")
    print(service.ExportRules(alert_pb2.ExportRulesRequest(syntax=rule_pb2.RULE_SYNTAX_YAML)).text)

    end = datetime.now(UTC) + timedelta(hours=2)
    silence = alert_pb2.CreateSilenceRequest(
        matchers=["rule=drift", "feature=~amount|age"], end_time=end, comment="an example"
    )
    made = service.CreateSilence(silence).silence
    print(f"silence {made.id}: {' '.join(made.matchers)}")
    service.ExpireSilence(alert_pb2.ExpireSilenceRequest(id=made.id))
    token = ""
    while True:
        page = service.ListAlerts(alert_pb2.ListAlertsRequest(page_size=100, page_token=token))
        for alert in page.alerts:
            state = alert_pb2.AlertState.Name(alert.state)
            print(f"{alert.rule} on {alert.feature}: {state}")
        token = page.next_page_token
        if not token:
            break


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["127.0.0.1:7447"]))
