import { expect, test } from '@grafana/plugin-e2e';

const FILE = { fileName: 'driftline.yaml' };

test('a server that answers is told with its models', async ({ readProvisionedDataSource, gotoDataSourceConfigPage }) => {
  const { uid } = await readProvisionedDataSource(FILE);
  const page = await gotoDataSourceConfigPage(uid);
  await expect(page.saveAndTest()).toBeOK();
  await expect(page).toHaveAlert('success', { hasText: 'has 1 model' });
});

test('one that does not is told with what to do', async ({ createDataSourceConfigPage, readProvisionedDataSource, page }) => {
  const { type } = await readProvisionedDataSource(FILE);
  const settings = await createDataSourceConfigPage({ type });
  await page.getByLabel('Address').fill('http://nowhere.invalid:7447');
  await expect(settings.saveAndTest()).not.toBeOK();
  await expect(settings).toHaveAlert('error', { hasText: 'gRPC port' });
});

test('a token does not come back', async ({ createDataSourceConfigPage, readProvisionedDataSource, page }) => {
  const { type } = await readProvisionedDataSource(FILE);
  const settings = await createDataSourceConfigPage({ type });
  await page.getByLabel('Address').fill('http://driftline:7447');
  await page.getByLabel('Token').fill('a secret');
  await settings.saveAndTest();
  await page.reload();
  await expect(page.getByLabel('Token')).toHaveValue('configured');
});
