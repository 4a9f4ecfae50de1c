/* The one line a page needs: <script src="https://HOST/widget.js" data-scene data-locale data-theme data-elder></script> */
(function () {
  'use strict';
  var script = document.currentScript || document.querySelector('script[src*="/widget.js"]');
  if (!script || !('customElements' in window) || !('attachShadow' in Element.prototype)) return;

  function place() {
    if (document.querySelector('shebao-chat')) return;
    var chat = document.createElement('shebao-chat');
    ['scene', 'locale', 'theme', 'elder'].forEach(function (name) {
      var value = script.getAttribute('data-' + name);
      if (value) chat.setAttribute(name, value);
    });
    document.body.appendChild(chat);
  }

  import(new URL('static/chat.js', script.src).href).then(function () {
    if (document.body) place();
    else document.addEventListener('DOMContentLoaded', place);
  }).catch(function (error) {
    console.error('shebao-chat', error);
  });
})();
