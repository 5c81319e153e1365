// What somebody has said yes to, as the roster tells hosts and themselves. Pure.

const MATTER = "video";

/** What they have said of a matter: "given", "withdrawn" or "none". */
export function consentOf(person, matter = MATTER) {
  const said = person?.consents?.find((each) => each.matter === matter);
  return !said ? "none" : said.given ? "given" : "withdrawn";
}
