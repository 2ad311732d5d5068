// Moving about in a drawing: wheel, drag, two fingers, keys and buttons.
//
// The rule this file keeps: without it the drawing scrolls in its frame and every link works; with it
// the frame stays where one has moved to, however often a newer drawing takes the place of the old.
// A frame is an element of the class `drawing-frame` around one `svg`.

const STEP = 1.25;
const NEAREST = 4; // pixels of the screen for one of the drawing
const READABLE = 0.6; // a drawing that fits only below that is shown from its beginning
const FAR = 60; // pixels that an arrow key moves by
const ATTENTION = ["[aria-current]", ".s-running", ".s-failed", ".s-gate", ".s-runnable", ""];
const PASSING = 300; // milliseconds: who scrolls the page does not stop at a drawing
const DRAGGED = 4; // pixels after which a press is no click

class Frame {
  constructor(frame) {
    this.frame = frame;
    this.view = null; // {x, y, scale}: which point is at the upper left, and how large things are
    this.pointers = new Map();
    this.moved = 0;
    this.passed = -Infinity; // when the page was last scrolled, by the wheel
    frame.classList.add("moves");
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Drawing: arrow keys move it, + and - zoom, 0 shows all");
    this.addButtons();
    this.listen();
    this.adopt();
    new MutationObserver((changes) => this.replaced(changes)).observe(frame, { childList: true });
    new ResizeObserver(() => this.show()).observe(frame);
  }

  get svg() {
    return this.frame.querySelector(":scope > svg");
  }

  // The drawing that is in the frame now: its size, and the view where there is none yet.
  adopt() {
    const svg = this.svg;
    if (!svg) return;
    this.width = Number(svg.getAttribute("width"));
    this.height = Number(svg.getAttribute("height"));
    const [left, top] = svg.getAttribute("viewBox").split(" ").map(Number);
    this.left = left;
    this.top = top;
    svg.setAttribute("preserveAspectRatio", "xMinYMin");
    if (!this.view) this.begin();
    this.show();
  }

  replaced(changes) {
    const gone = changes.flatMap((change) => [...change.removedNodes]);
    if (!gone.some((node) => node.nodeName === "svg")) return;
    this.adopt();
    if (this.focused && document.activeElement === document.body) {
      const href = CSS.escape(this.focused);
      this.svg?.querySelector(`a[href="${href}"]`)?.focus({ preventScroll: true });
    }
  }

  get room() {
    return { width: this.frame.clientWidth, height: this.frame.clientHeight };
  }

  get fitting() {
    const { width, height } = this.room;
    return Math.min(width / this.width, height / this.height, 1) || 1;
  }

  // All of it where that can be read; else what was chosen, or where something happens.
  begin() {
    const found = ATTENTION.map((what) => this.svg.querySelector(`a[transform]${what}`));
    const link = found.find((one) => one);
    const { width, height } = this.room;
    const all = this.fitting;
    const oneWay = Math.min(Math.max(width / this.width, height / this.height), 1);
    this.fit(all >= READABLE ? all : Math.max(oneWay, READABLE));
    if (!link || all >= READABLE) return;
    const { e, f } = link.transform.baseVal.getItem(0).matrix;
    const within = (middle, size, low, whole) =>
      whole > size ? clamp(middle - size / 2, low, low + whole - size) : null;
    const { scale } = this.view;
    this.view.x = within(e, width / scale, this.left, this.width) ?? this.view.x;
    this.view.y = within(f, height / scale, this.top, this.height) ?? this.view.y;
  }

  fit(scale) {
    const { width, height } = this.room;
    const spare = (whole, size) => Math.min((size - whole / scale) / 2, 0);
    this.view = {
      x: this.left + spare(width, this.width),
      y: this.top + spare(height, this.height),
      scale,
    };
  }

  show() {
    const svg = this.svg;
    if (!svg || !this.view) return;
    const { width, height } = this.room;
    if (!width || !height) return;
    const view = this.view;
    view.scale = Math.min(Math.max(view.scale, this.fitting / 2), NEAREST);
    const across = width / view.scale;
    const down = height / view.scale;
    // At least a quarter of the frame stays filled, so that nobody loses the drawing.
    view.x = clamp(view.x, this.left - across * 0.75, this.left + this.width - across * 0.25);
    view.y = clamp(view.y, this.top - down * 0.75, this.top + this.height - down * 0.25);
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${across} ${down}`);
  }

  // Zooms so that what is at a point of the frame, in pixels, stays there.
  zoom(factor, x = this.room.width / 2, y = this.room.height / 2) {
    const before = this.view.scale;
    const scale = Math.min(Math.max(before * factor, this.fitting / 2), NEAREST);
    this.view.x += x / before - x / scale;
    this.view.y += y / before - y / scale;
    this.view.scale = scale;
    this.show();
  }

  move(right, down) {
    this.view.x += right / this.view.scale;
    this.view.y += down / this.view.scale;
    this.show();
  }

  all() {
    this.fit(this.fitting);
    this.show();
  }

  // Moves as far as it takes to have a link in sight.
  reveal(link) {
    const box = link.getBoundingClientRect();
    const frame = this.frame.getBoundingClientRect();
    const beyond = (low, high, from, to) =>
      low < from ? low - from - 12 : high > to ? high - to + 12 : 0;
    this.move(
      beyond(box.left, box.right, frame.left, frame.right),
      beyond(box.top, box.bottom, frame.top, frame.bottom),
    );
  }

  addButtons() {
    const row = document.createElement("div");
    row.className = "drawing-buttons";
    const all = [
      ["+", "Zoom in", () => this.zoom(STEP)],
      ["−", "Zoom out", () => this.zoom(1 / STEP)],
      ["0", "Show all", () => this.all()],
    ];
    for (const [sign, name, act] of all) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      button.title = name;
      button.setAttribute("aria-label", name);
      button.addEventListener("click", act);
      row.append(button);
    }
    this.frame.append(row);
  }

  listen() {
    const frame = this.frame;
    frame.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    const pass = (event) => {
      if (!frame.contains(event.target)) this.passed = event.timeStamp;
    };
    window.addEventListener("wheel", pass, { passive: true });
    frame.addEventListener("pointerdown", (event) => this.onDown(event));
    frame.addEventListener("pointermove", (event) => this.onMove(event));
    for (const end of ["pointerup", "pointercancel"]) {
      frame.addEventListener(end, (event) => this.onUp(event));
    }
    frame.addEventListener("click", (event) => this.onClick(event), { capture: true });
    frame.addEventListener("dragstart", (event) => event.preventDefault());
    frame.addEventListener("keydown", (event) => this.onKey(event));
    frame.addEventListener("focusin", (event) => this.onFocus(event));
    frame.addEventListener("focusout", (event) => this.onBlur(event));
    frame.addEventListener("scroll", () => frame.scrollTo(0, 0));
  }

  point(event) {
    const box = this.frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  onWheel(event) {
    if (event.timeStamp - this.passed < PASSING && !event.ctrlKey) {
      this.passed = event.timeStamp;
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const { x, y } = this.point(event);
    this.zoom(Math.exp(-clamp(event.deltaY * lines, -200, 200) / 400), x, y);
  }

  onDown(event) {
    if (event.button !== 0 || event.target.closest(".drawing-buttons")) return;
    if (!this.pointers.size) this.moved = 0;
    this.pointers.set(event.pointerId, this.point(event));
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.point(event);
    this.moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (this.moved < DRAGGED) return;
    if (!this.frame.classList.contains("dragged")) {
      this.frame.classList.add("dragged");
      this.frame.setPointerCapture(event.pointerId);
    }
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      this.zoom(apart(now) / apart(before), other.x, other.y);
    } else {
      this.move(before.x - now.x, before.y - now.y);
    }
    this.pointers.set(event.pointerId, now);
  }

  onUp(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.frame.classList.remove("dragged");
  }

  // The end of a drag is no click on the link that it ends on.
  onClick(event) {
    if (this.moved < DRAGGED || event.detail === 0) return;
    if (event.target.closest(".drawing-buttons")) return;
    event.preventDefault();
    event.stopPropagation();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      0: () => this.all(),
      ArrowLeft: () => this.move(-FAR, 0),
      ArrowRight: () => this.move(FAR, 0),
      ArrowUp: () => this.move(0, -FAR),
      ArrowDown: () => this.move(0, FAR),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  onFocus(event) {
    const link = event.target.closest("svg a");
    this.focused = link?.getAttribute("href") ?? null;
    if (link?.matches(":focus-visible")) this.reveal(link);
  }

  // Forgets the link that one left; one that was taken away with its drawing was not left.
  onBlur(event) {
    setTimeout(() => {
      const stays = this.frame.contains(document.activeElement);
      if (event.target.isConnected && !stays) this.focused = null;
    });
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

export function start(root = document) {
  for (const frame of root.querySelectorAll(".drawing-frame:not(.moves)")) new Frame(frame);
}

start();
