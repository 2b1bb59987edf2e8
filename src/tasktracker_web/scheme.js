// The colors that were chosen on this device. This is no module: it runs before anything is shown. The pages of the server
// itself have no script, and read the cookie.
{
  const scheme = localStorage.getItem("tasktracker:scheme") ?? "";
  document.documentElement.dataset.scheme = scheme;
  document.cookie = `tasktracker-scheme=${scheme};path=/;max-age=${scheme ? 34560000 : 0};samesite=lax`;
}
