// What is a model's id on the Hub, told without the Hub's client: most models are folders.

/** Whether a text can be a model's id: NAME or OWNER/NAME in the Hub's alphabet, nothing that walks folders. */
export const isHubId = (text: string): boolean =>
  text.length <= 200 &&
  /^[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)?$/.test(text) &&
  !/\.\.|--|[.-](\/|$)/.test(text);
