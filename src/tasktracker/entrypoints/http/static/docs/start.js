const ui = SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  persistAuthorization: true,
  // The default validator badge asks a server on the internet.
  validatorUrl: null,
  // After a registration, a login or a refresh, the next requests have the new access token.
  responseInterceptor(response) {
    if (response.ok && response.body?.access) ui.preauthorizeApiKey("bearer", response.body.access);
    return response;
  },
});
