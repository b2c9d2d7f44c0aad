#!/usr/bin/env bash
# Prometheus' own opinion of the alert rules, of when they fire, and of the dashboard's queries.
set -euo pipefail
cd "$(dirname "$0")/.."
promtool check rules config/prometheus-alerts.yml
promtool test rules test/golden/prometheus-alerts.yml

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Each query of the dashboard as a recording rule, with Grafana's variables filled in.
node -e '
  const { panels } = JSON.parse(require("node:fs").readFileSync("config/grafana-dashboard.json", "utf8"));
  const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const rules = exprs.map((expr, n) => ({
    record: `panel:${n}`,
    expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
  }));
  console.log(JSON.stringify({ groups: [{ name: "dashboard", rules }] }));' > "$dir/dashboard.yml"
promtool check rules "$dir/dashboard.yml"
echo 'alerts: ok'
