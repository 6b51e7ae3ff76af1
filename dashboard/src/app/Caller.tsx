// Whether this person may change anything: a word in the header before the first change, with the reason behind it.

import { Modal, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { ApiError } from "~/api/client";
import { reads } from "~/api/reads";
import { ActProblem } from "~/parts/ActDialog";
import { Icon } from "~/parts/Icon";
import { useTranslation } from "~/text";
import { keepToken, token } from "./actor";

/** Why a change would be refused now, as the error that it would be answered with; null: it would not, or is not known. */
export function useRefusal(given: string): ApiError | null {
  const { data, error } = useQuery(reads.caller(given));
  if (error instanceof ApiError && error.status === 401) return error;
  return data?.refused ? new ApiError(data.refused === "unauthorized" ? 401 : 403, data.refused, data.detail ?? "") : null;
}

export function Caller() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const [given, setGiven] = useState("");
  const refusal = useRefusal(token());
  if (!refusal) return null;
  const keep = (event: FormEvent) => {
    event.preventDefault();
    keepToken(given.trim());
    setOpened(false);
    void client.invalidateQueries();
  };
  return (
    <>
      <button type="button" className="plain outlined" onClick={() => setOpened(true)} title={refusal.message}>
        <Icon name="lock" size={13} />
        {t("caller.read_only")}
      </button>
      {opened ? (
        <Modal opened onClose={() => setOpened(false)} title={t("caller.read_only")} closeButtonProps={{ "aria-label": t("act.close") }}>
          <form className="form" onSubmit={keep}>
            <ActProblem error={refusal} sent={token()} />
            <TextInput type="password" label={t("act.token")} description={t("act.token.note")} autoComplete="off" data-autofocus value={given} onChange={(event) => setGiven(event.target.value)} />
            <div className="form-actions"><button type="submit" className="plain outlined button primary" disabled={!given.trim()}>{t("caller.keep")}</button></div>
          </form>
        </Modal>
      ) : null}
    </>
  );
}
