import { expect, test } from '@grafana/plugin-e2e';

test('a rule of Grafana evaluates a query of ours', async ({ gotoAlertRuleEditPage, readProvisionedAlertRule }) => {
  const { uid } = await readProvisionedAlertRule({ fileName: 'driftline.yaml' });
  const page = await gotoAlertRuleEditPage({ uid });
  await expect(page.evaluate()).toBeOK();
});
