// A slide that is too full, with the fonts of this machine, gets smaller letters until it fits.
window.addEventListener("load", () => {
  for (const slide of document.querySelectorAll(".slides > section")) {
    const last = slide.lastElementChild;
    for (let size = 24; last.offsetTop + last.offsetHeight > 700 && size > 16; size -= 0.5) {
      slide.style.fontSize = `${size}px`;
    }
  }
  Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, display: "flex",
    transition: "none", controls: false, slideNumber: "c/t", hash: true,
  });
});
