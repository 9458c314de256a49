// An option stays in one piece: a line may end before `--label`, not after its hyphens.
for (const code of document.querySelectorAll(".md-typeset :not(pre) > code"))
  code.innerHTML = code.innerHTML.replace(/(^|\s)(--?[\w-]+)/g, '$1<span style="white-space: nowrap">$2</span>')

// A command that is copied has no prompt before it.
for (const prompt of document.querySelectorAll(".language-console .gp:not(:has(~ .go))")) prompt.remove()
