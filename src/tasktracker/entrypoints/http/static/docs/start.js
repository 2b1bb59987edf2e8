// The colors that were chosen in the app on this device, or else those of the system.
const scheme = localStorage.getItem("tasktracker:scheme");
const isDark = scheme ? scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", isDark);

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
