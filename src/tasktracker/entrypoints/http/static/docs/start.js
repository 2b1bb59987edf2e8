SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  persistAuthorization: true,
  // The default validator badge asks a server on the internet.
  validatorUrl: null,
});
