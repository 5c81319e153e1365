// Whether somebody's picture still moves. On a thin link, and where the service cannot keep up, pictures stop while sound
// goes on; a face that stands still looks like one that listens.

const STOPPED_MS = 3000; // longer than what is mended, and than one picture a second of a poor camera

export class Motion {
  #shown = new WeakMap(); // video element -> { source, pictures, looked, at, inView }
  #views = new IntersectionObserver((views) => {
    for (const { target, isIntersecting } of views) this.#shown.get(target).inView = isIntersecting;
  });

  /**
   * True while a picture that was seen has shown nothing new for some seconds. `now` in ms; false while nobody looks, and
   * in browsers that tell of no pictures.
   */
  hasStopped(video, now) {
    const shown = this.#shown.get(video) ?? this.#count(video);
    const isAnother = shown.source !== video.srcObject;
    if (isAnother) Object.assign(shown, { source: video.srcObject, pictures: 0 });
    // What nobody can see is shown no pictures, whether they come or not.
    const isSeen = shown.inView && !document.hidden;
    if (isAnother || shown.pictures === 0 || shown.pictures !== shown.looked || !isSeen) {
      Object.assign(shown, { looked: shown.pictures, at: now });
      return false;
    }
    return now - shown.at >= STOPPED_MS;
  }

  /** By callbacks, since Firefox's getVideoPlaybackQuality counts none of a stream. */
  #count(video) {
    const shown = { source: video.srcObject, pictures: 0, looked: 0, at: 0, inView: false };
    const count = () => {
      shown.pictures += 1;
      video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback?.(count);
    this.#shown.set(video, shown);
    this.#views.observe(video);
    return shown;
  }
}
