// Sends the key that stands behind the # of a sign-in link, and takes it out of the address first.
"use strict";

const key = location.hash.slice(1);
if (key) {
  history.replaceState(null, "", "/login");
  document.getElementById("key").value = key;
  document.querySelector("form").submit();
}
