/** /docs: swagger-ui over our own document; no validator badge, because that would tell a stranger our address. */
/* global SwaggerUIBundle */

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
});
