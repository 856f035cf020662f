import { expect, test } from '@grafana/plugin-e2e';

const FILE = { fileName: 'driftline.yaml' };

test('a variable lists models, and features of one', async ({ variableEditPage, readProvisionedDataSource, page }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(name);
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['fraud-demo']);
  await page.getByLabel('List', { exact: true }).click();
  await page.getByText('Features of a model', { exact: true }).click();
  await page.getByLabel('Model', { exact: true }).fill('fraud-demo');
  await page.getByLabel('Model', { exact: true }).blur();
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['amount', 'device', 'merchant']);
});

test('an annotation asks for what became of alerts', async ({ annotationEditPage, readProvisionedDataSource, page }) => {
  const { name } = await readProvisionedDataSource(FILE);
  await annotationEditPage.datasource.set(name);
  await expect(page.getByText('What became of them')).toBeVisible();
  await expect(annotationEditPage.runQuery()).toBeOK();
});
