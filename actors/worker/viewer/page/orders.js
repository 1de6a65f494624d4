// @ts-check
// What a viewer can ask of the trainer, and what is asked back before it is sent.

export const QUESTIONS = {
  stop: {
    name: "Stop early",
    title: "Stop early?",
    text: "The trainer is asked to finish its epoch and save the model. This can take as long as an epoch does.",
    yes: "Stop early",
  },
  cancel: {
    name: "Cancel",
    title: "Cancel the training?",
    text: "The trainer is ended now. What it has not saved is lost.",
    yes: "Cancel the training",
  },
};
