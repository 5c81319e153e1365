// In which codec a picture is sent, where the bridge has a wish: what changes then is a sender's parameters, never an
// offer. A payload type of the answer says it, since a browser knows one codec in several forms.

/** Whether this browser heeds `codec` in an encoding: one that does reads the field. */
export function canSwitch() {
  let read = false;
  const probe = {
    get codec() {
      read = true;
      return undefined;
    },
  };
  const pc = new RTCPeerConnection();
  try {
    pc.addTransceiver("video", { sendEncodings: [probe] });
  } catch {
    // A browser that does not take encodings does not take a codec in them.
  }
  pc.close();
  return read;
}

/** Set the codec of all of a sender's encodings, if there is a wish; whether that changes anything. */
export function choose({ codecs, encodings }, payloadType) {
  const codec = codecs.find((each) => each.payloadType === payloadType);
  if (!codec || encodings.every((encoding) => same(encoding.codec, codec))) return false;
  for (const encoding of encodings) encoding.codec = codec;
  return true;
}

function same(one, other) {
  return one?.mimeType === other?.mimeType && one?.sdpFmtpLine === other?.sdpFmtpLine;
}
