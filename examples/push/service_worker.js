// A service worker that says that somebody calls. It shows something for every push: browsers take
// the subscription away from a site that does not (Safari at once). The push itself says nothing.
self.addEventListener("push", (event) => {
  const options = { tag: "call", renotify: true, requireInteraction: true };
  event.waitUntil(self.registration.showNotification("Somebody is calling", options));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const show = async () => {
    const [page] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    await (page?.focus() ?? self.clients.openWindow("/")); // goes online there, and it rings
  };
  event.waitUntil(show());
});
