(() => {
  const said = document.getElementById("said");
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const address = document.getElementById(button.dataset.copy);
    const label = button.firstElementChild;
    const usual = label.textContent;
    const say = (text) => {
      label.textContent = said.textContent = text;
      setTimeout(() => { label.textContent = usual; said.textContent = ""; }, 4000);
    };
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(address.textContent);
        say(button.dataset.done);
      } catch {
        getSelection().selectAllChildren(address);
        say(button.dataset.failed);
      }
    });
  }
})();
