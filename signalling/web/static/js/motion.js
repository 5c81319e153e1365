// Whether somebody's picture still moves. On a thin link, and where the service cannot keep up, pictures stop while sound
// goes on; a face that stands still looks like one that listens.

const STOPPED_MS = 3000; // longer than what is mended, and than one picture a second of a poor camera
const LOOK_MS = 1000;

export class Motion {
  #shown = new WeakMap(); // video element -> { source, seen, moved, waits, asked, at, inView }
  #views = new IntersectionObserver((views) => {
    for (const { target, isIntersecting } of views) this.#shown.get(target).inView = isIntersecting;
  });

  /**
   * True while a picture that was seen has shown nothing new for some seconds. `now` in ms; false while nobody looks, and
   * in browsers that tell of no pictures.
   */
  hasStopped(video, now) {
    const shown = this.#shown.get(video) ?? this.#meet(video);
    if (shown.source !== video.srcObject) Object.assign(shown, { source: video.srcObject, seen: false, moved: false });
    // What nobody can see is shown no pictures, whether they come or not.
    if (shown.moved || !shown.inView || document.hidden) Object.assign(shown, { at: now, moved: false });
    this.#ask(video, shown, now);
    return shown.seen && now - shown.at >= STOPPED_MS;
  }

  /**
   * Asks for word of one picture, once in a while: each is work for the page that the browser would do without it. Not by
   * getVideoPlaybackQuality, since Firefox counts none of a stream.
   */
  #ask(video, shown, now) {
    if (shown.waits || now - shown.asked < LOOK_MS) return;
    Object.assign(shown, { waits: Boolean(video.requestVideoFrameCallback), asked: now });
    video.requestVideoFrameCallback?.(() => {
      const isIt = shown.source === video.srcObject;
      Object.assign(shown, { waits: false, seen: isIt, moved: isIt });
    });
  }

  #meet(video) {
    const shown = { source: video.srcObject, seen: false, moved: false, waits: false, asked: -Infinity, at: 0, inView: false };
    this.#shown.set(video, shown);
    this.#views.observe(video);
    return shown;
  }
}
