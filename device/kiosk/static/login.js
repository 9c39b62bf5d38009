// Exchanges the token for a cookie that this page cannot read.

const form = document.getElementById("form");
const why = document.getElementById("why");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  why.textContent = "";
  try {
    const answer = await fetch("/api/login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Nearfield": "1" },
      body: JSON.stringify({ token: form.token.value.trim() }),
    });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    why.textContent = `Not let in: ${(await answer.json()).error}.`;
  } catch {
    why.textContent = "The device does not answer.";
  }
  form.token.select();
});
