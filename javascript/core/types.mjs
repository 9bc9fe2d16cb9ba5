/**
 * Shapes that the panel's modules share; nothing runs here. Those of the API are described in its openapi.json.
 *
 * @typedef {"safe" | "suggestive" | "mature" | "explicit"} Safety
 * @typedef {{model: number, clip: number, low: number, high: number, source: string}} Strength
 * @typedef {{signal: string, text: string, contribution: number}} Reason
 *
 * @typedef {object} Card a LoRA as lists show it
 * @property {string} id
 * @property {string} lora root-relative path with "/"
 * @property {string} name
 * @property {boolean} unique no other installed LoRA has this file name
 * @property {string} version
 * @property {string} author
 * @property {string} role
 * @property {{name: string, probability: number} | null} base_model
 * @property {Safety | null} safety null: unknown
 * @property {"" | "image" | "video"} preview
 * @property {string[][]} trigger_sets
 * @property {string[]} tags
 * @property {boolean} favorite
 * @property {number} opinion 1 liked, -1 disliked, 0 not said
 * @property {boolean} hidden
 *
 * @typedef {object} Suggestion
 * @property {string} id
 * @property {string} lora
 * @property {string} name
 * @property {number} score 0..1
 * @property {Strength} strength
 * @property {string[]} trigger_words chosen for this prompt
 * @property {Reason[]} reasons
 * @property {string[]} versions paths of other installed versions
 * @property {string} partner path of the low-noise half, if it is the high-noise half of a pair; else ""
 * @property {string} fingerprint of the file's content
 * @property {string} base_model_doubt
 * @property {number} propensity
 *
 * @typedef {{name: string, strength: number, id: string}} InUse id "": none or several LoRAs go by that name
 *
 * @typedef {object} Answer
 * @property {Suggestion[]} suggestions
 * @property {boolean} abstained
 * @property {number=} least score from which a LoRA counts as fitting
 * @property {string} stage
 * @property {string[]} notes
 * @property {Record<string, Card>} cards
 * @property {InUse[]} active
 * @property {string} version
 *
 * @typedef {object} Job
 * @property {string} job
 * @property {"idle" | "waiting" | "running" | "done" | "cancelled" | "failed"} state
 * @property {{stage: string, done: number, total: number | null, seconds_left: number | null} | null} progress
 * @property {string} error
 *
 * @typedef {object} Encoder what the profile in use lacks
 * @property {{model: string, lenses: string[], size: number | null}[]} missing
 * @property {number | null} size bytes to download, about; null: known once it was asked for
 * @property {boolean} fetchable
 * @property {string | null} mirror null: not to be seen or changed from here
 * @property {string | null} proxy
 * @property {Job} job
 *
 * @typedef {object} Index
 * @property {"empty" | "lexical" | "full"} stage
 * @property {string} version
 * @property {number} loras
 * @property {number} folders
 * @property {string[]} notices
 * @property {Job} job
 *
 * @typedef {{prompt: string, negative: string}} Prompt
 *
 * @typedef {object} Choice what the user takes of a suggestion
 * @property {Card} card
 * @property {number} strength
 * @property {string[]} words trigger words
 * @property {string} partner path of its low-noise half; "": it is no half of a pair
 * @property {string} fingerprint of the file's content
 *
 * @typedef {object} Host the program around the panel; every door implements it, and the panel knows nothing else of it
 * @property {() => Prompt} getPrompt
 * @property {(changed: () => void) => (() => void)} onPromptChange also calls back for changes of `active` and
 *   `baseModel`; returns what ends that
 * @property {() => {name: string, strength: number}[]} active LoRAs in use, by names that the API finds
 * @property {() => string} baseModel checkpoint or base model; "" if none is known
 * @property {(choice: Choice) => void | Promise<void>} insert one undo step; the focus stays where
 *   it is; throws a sentence for the user where it cannot
 * @property {(name: string, partner?: string) => void | Promise<void>} remove one of `active`, with its other half and the
 *   trigger words that came with it
 * @property {((name: string, strength: number, partner?: string) => void | Promise<void>)=} setStrength of one in use, and of
 *   its other half; absent: cannot
 * @property {((choice: Choice) => string)=} halves what its user must know of where the halves of a pair go; "": each to its
 *   own model; absent: only the high-noise half is inserted
 * @property {boolean=} tags whether LoRAs are named in the prompt by their file name alone
 * @property {string=} language "en" or "zh"; absent: the browser's
 * @property {((language: "en" | "zh") => void)=} spoken told which one the panel speaks, at first and after each change
 * @property {Record<"en" | "zh", Record<string, string>>=} strings texts that this host says differently, by language and by
 *   their names in `texts.mjs`
 * @property {Preferences=} preferences where to keep what the user chose; absent: the browser's storage
 *
 * @typedef {{get: (name: string) => string | null, set: (name: string, value: string) => void}} Preferences
 */
export {};
