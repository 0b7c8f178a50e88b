// SPDX-License-Identifier: Apache-2.0
// Loaded before the style sheet paints anything, and not as a module, so that a remembered dark page never
// flashes white. Everything else about themes is in settings.js.
(function () {
  'use strict';
  try {
    const theme = localStorage.getItem('plenum.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden; the system's preference is fine */ }
})();
