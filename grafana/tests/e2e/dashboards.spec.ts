import { expect, test } from '@grafana/plugin-e2e';

import manifest from '../../src/plugin.json' with { type: 'json' };

for (const { name, path } of manifest.includes) {
  test(`${name} shows something in each panel`, async ({ gotoDashboardPage, selectors }) => {
    const uid = `driftline-${path.replace(/^dashboards\/|\.json$/g, '')}`;
    const dashboard = await gotoDashboardPage({ uid, timeRange: { from: 'now-30d', to: 'now' } });
    await dashboard.waitForPanelsQueriesToComplete({ scrollAll: true });
    await expect(dashboard.getByGrafanaSelector(selectors.components.Panels.Panel.status('error'))).toHaveCount(0);
    await expect(dashboard.ctx.page.getByText('No data')).toHaveCount(0);
  });
}

test('a row of the fleet leads to its model', async ({ gotoDashboardPage, page }) => {
  const fleet = await gotoDashboardPage({ uid: 'driftline-fleet', timeRange: { from: 'now-30d', to: 'now' } });
  await fleet.waitForPanelsQueriesToComplete();
  await page.getByRole('link', { name: 'Health of fraud-demo' }).first().click();
  await expect(page).toHaveURL(/driftline-model.*var-model=fraud-demo/);
});
