// The colors that were chosen on this device. This is no module: it runs before anything is shown.

document.documentElement.dataset.scheme = localStorage.getItem("tasktracker:scheme") ?? "";
