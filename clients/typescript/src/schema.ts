// Generated from the OpenAPI document by `tools/web types`. Do not edit.
// Every number that the API sends is a `Decimal`: the client keeps its digits as text.
import type { Decimal } from "./json.js";

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Accepted: {
            accepted: components["schemas"]["EventReference"][];
        };
        AcceptedSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Accepted"];
        };
        AcceptedWebhook: {
            events: Decimal;
            ignored: string | null;
            refused: string | null;
        };
        AcceptedWebhookSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["AcceptedWebhook"];
        };
        AlertList: {
            alerts: components["schemas"]["ListedAlert"][];
            nextCursor: string | null;
        };
        AlertListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["AlertList"];
        };
        AlertReading: {
            /** @default true */
            read?: boolean;
        };
        AlternativeBody: {
            model: string;
            cost: Decimal;
            saving: Decimal;
        };
        Analytics: {
            period: components["schemas"]["Period"];
            totalUsers: Decimal;
            activeUsers: Decimal;
            newUsers: Decimal;
            totalCalls: Decimal;
            totalDuration_seconds: Decimal;
            averageDuration_seconds: Decimal;
            averageCallsPerUser: Decimal;
            totalRevenue: Decimal;
            totalRefunded: Decimal;
            totalCost: Decimal;
            totalProfit: Decimal | null;
            profitMarginPercent: string | null;
            costBreakdown: components["schemas"]["CostBreakdown"];
            costByService: {
                [key: string]: Decimal;
            };
            insights: components["schemas"]["InsightsBody"];
            daily: components["schemas"]["DayCost"][];
            unpricedEvents: Decimal;
            /** @default null */
            groups?: components["schemas"]["CostGroups"] | null;
        };
        AnalyticsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Analytics"];
        };
        AnomalyDay: {
            /** Format: date */
            date: string;
            cost_usd: Decimal;
        };
        AnomalyDetail: {
            anomalyId: string;
            userId: string;
            /** @enum {unknown} */
            kind: "abandoned_call" | "call_spike" | "day_spike" | "missing_leg" | "silent_call";
            service: string | null;
            leg: ("inference" | "speech_recognition" | "speech_synthesis" | "telephony") | null;
            callId: string | null;
            /** Format: date */
            day: string;
            observed_usd: Decimal;
            expected_usd: Decimal | null;
            score: Decimal | null;
            comparedWith: ("own_calls" | "own_days" | "own_persona_calls" | "persona_calls") | null;
            comparedCount: Decimal;
            message: string;
            /** Format: date-time */
            occurredAt: string;
            /** Format: date-time */
            detectedAt: string;
            savings_usd: Decimal | null;
            resolvedAt: string | null;
            dismissal: components["schemas"]["AnomalyDismissal"] | null;
            costByService: {
                [key: string]: Decimal;
            } | null;
            days: components["schemas"]["AnomalyDay"][];
            usualRange: components["schemas"]["UsualCost"] | null;
        };
        AnomalyDetailSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["AnomalyDetail"];
        };
        AnomalyDismissal: {
            reason: string;
            dismissedBy: string;
            /** Format: date-time */
            dismissedAt: string;
        };
        AnomalyList: {
            anomalies: components["schemas"]["ListedAnomaly"][];
            nextCursor: string | null;
        };
        AnomalyListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["AnomalyList"];
        };
        AnyValue: {
            /** @default null */
            stringValue?: string | null;
            /** @default null */
            boolValue?: boolean | null;
            /** @default null */
            intValue?: number | string | null;
            /** @default null */
            doubleValue?: unknown;
        };
        ApiKeyItem: {
            id: Decimal;
            hint: string;
            service: string;
            scopes: ("ingest" | "read" | "reserve")[];
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            revokedBy: string | null;
            revokedAt: string | null;
            acceptedAt: string | null;
            refusedAt: string | null;
            refusal: string | null;
        };
        ApiKeyItemSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ApiKeyItem"];
        };
        ApiKeyList: {
            keys: components["schemas"]["ApiKeyItem"][];
        };
        ApiKeyListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ApiKeyList"];
        };
        ApiKeyReport: {
            item: components["schemas"]["ApiKeyItem"];
            callId: string | null;
            call: components["schemas"]["ReportedCall"] | null;
            refusedEvent: components["schemas"]["RefusedEvent"] | null;
        };
        ApiKeyReportSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ApiKeyReport"];
        };
        Assignment: {
            userId: string;
        };
        Attempt: {
            number: Decimal;
            /** Format: date-time */
            at: string;
            duration_ms: Decimal | null;
            /** @enum {unknown} */
            outcome: "delivered" | "gone" | "interrupted" | "permanent" | "temporary" | "under way";
            status: string | null;
            error: string | null;
        };
        Authorization: {
            allowed: boolean;
            callId: string;
            userId: string;
            budget: ("call" | "daily" | "monthly" | "weekly") | ("balance" | "global") | null;
            reason: string;
            remaining: Decimal | null;
            held: Decimal;
            heldUntil: string | null;
            budgetId: string | null;
        };
        AuthorizationRequest: {
            callId: string;
            estimatedCost?: number | string;
            expectedDuration_seconds?: number | string;
            personaId?: string;
            tags?: {
                [key: string]: string;
            };
            services?: string[];
        };
        AuthorizationSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Authorization"];
        };
        BalanceAlert: {
            alertId: string;
            userId: string;
            threshold_usd: Decimal;
            balance_usd: Decimal;
            chargedPerDay_usd: Decimal;
            lastsUntil: string | null;
            message: string;
            /** Format: date-time */
            triggeredAt: string;
            grantId: string;
        };
        BalanceEndingAlert: {
            alertId: string;
            userId: string;
            thresholdDays: Decimal;
            balance_usd: Decimal;
            chargedPerDay_usd: Decimal;
            /** Format: date-time */
            lastsUntil: string;
            message: string;
            /** Format: date-time */
            triggeredAt: string;
        };
        BilledDay: {
            /** Format: date */
            date: string;
            service: string;
            quantity: Decimal | null;
            billed: Decimal;
            recorded: Decimal;
            variance: Decimal;
            variancePercent: string;
            bills: string[];
        };
        BilledService: {
            service: string;
            days: Decimal;
            billed: Decimal;
            recorded: Decimal;
            variance: Decimal;
            variancePercent: string;
        };
        BillsBody: {
            services: components["schemas"]["BilledService"][];
            days: components["schemas"]["BilledDay"][];
        };
        Budget: {
            userId: string;
            dailyLimit_usd: Decimal | null;
            monthlyLimit_usd: Decimal | null;
            maxCostPerCall_usd: Decimal | null;
            alertThreshold_percent: Decimal;
            thresholds: Decimal[];
            timezone: string;
            autoCutoff: boolean;
            callSteps: components["schemas"]["CallSteps"];
            channels: components["schemas"]["Channel"][];
            /** @enum {unknown} */
            budgetBasis: "charged" | "cost";
            /** Format: date-time */
            dayStart: string;
            /** Format: date-time */
            dayEnd: string;
            /** Format: date-time */
            monthStart: string;
            /** Format: date-time */
            monthEnd: string;
            limitVersions: components["schemas"]["LimitVersions"];
            currentDailySpend: Decimal;
            currentMonthlySpend: Decimal;
            dailyRemaining: Decimal | null;
            monthlyRemaining: Decimal | null;
            alertTriggered: boolean;
            burnRatePerHour: Decimal;
            dailyTimeToThreshold_seconds: Decimal | null;
            monthlyTimeToThreshold_seconds: Decimal | null;
            timeToThreshold_seconds: Decimal | null;
            alerts: components["schemas"]["ListedAlert"][];
            balance: Decimal | null;
            balanceLastsUntil: string | null;
        };
        BudgetChange: {
            dailyLimit_usd?: (number | string) | null;
            monthlyLimit_usd?: (number | string) | null;
            maxCostPerCall_usd?: (number | string) | null;
            alertThreshold_percent?: number | string;
            thresholds?: (number | string)[];
            timezone?: string;
            autoCutoff?: boolean;
            callSteps?: components["schemas"]["WantedCallSteps"];
            channels?: components["schemas"]["WantedChannel"][];
        };
        BudgetRaise: {
            limit_usd: Decimal;
            /** Format: date-time */
            until: string;
        };
        BudgetScope: {
            /** @enum {unknown} */
            kind: "all" | "persona" | "service" | "tag" | "user";
            key: string | null;
            value: string | null;
        };
        BudgetSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Budget"];
        };
        CallChargePlan: {
            planId: Decimal | null;
            /** @enum {unknown} */
            kind: "cost_plus" | "default" | "ended" | "per_call" | "per_minute";
            description: string;
            billed_seconds: Decimal | null;
            costBasis: Decimal | null;
        };
        CallCharged: {
            amount: number | string;
            /** @default null */
            fee?: (number | string) | null;
            /** @default stripe */
            processor?: string;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        CallCommand: {
            commandId: string;
            callId: string;
            /** @enum {unknown} */
            kind: "cutoff" | "downgrade" | "warn";
            /** @enum {unknown} */
            cause: "hand" | "limit" | "stuck";
            /** @enum {unknown} */
            state: "dry_run" | "ended" | "executed" | "executing" | "expired" | "failed" | "pending" | "unsupported";
            reason: string;
            requestedBy: string | null;
            /** Format: date-time */
            requestedAt: string;
            endedAt: string | null;
        };
        CallCommandSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CallCommand"];
        };
        CallCommands: {
            commands: components["schemas"]["CallCommand"][];
        };
        CallCommandsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CallCommands"];
        };
        CallCost: {
            callId: string;
            userId: string;
            personaId: string | null;
            tags: {
                [key: string]: string;
            };
            /** @enum {unknown} */
            status: "abandoned" | "active" | "completed" | "failed" | "terminated";
            duration_seconds: Decimal;
            apiCosts: {
                [key: string]: components["schemas"]["CostLine"][];
            };
            infrastructureCosts: {
                [key: string]: components["schemas"]["InfrastructureCost"];
            };
            transactionCosts: {
                [key: string]: components["schemas"]["TransactionCost"];
            };
            totalApiCost: Decimal;
            totalInfrastructureCost: Decimal;
            totalTransactionCost: Decimal;
            totalCost: Decimal;
            costByService: {
                [key: string]: Decimal;
            };
            chargedToUser: Decimal;
            refunded: Decimal;
            netRevenue: Decimal;
            grossProfit: Decimal;
            grossMargin: Decimal;
            grossMarginPercent: string;
            estimated: boolean;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            calculatedAt: string;
            startedAt: string | null;
            endedAt: string | null;
            archivedEvents: Decimal;
            unlistedCosts: Decimal;
            unpricedEvents: Decimal;
            chargePlan: components["schemas"]["CallChargePlan"] | null;
            roundings: components["schemas"]["RoundingCost"][];
            endedByLimit: components["schemas"]["EndedByLimit"] | null;
        };
        CallCostSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CallCost"];
        };
        CallEnded: {
            /** @enum {unknown} */
            status: "completed" | "failed" | "terminated";
            duration_seconds: number | string;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        CallPage: {
            userId: string;
            calls: components["schemas"]["CallSummary"][];
            nextCursor: string | null;
        };
        CallPageSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CallPage"];
        };
        CallProvider: {
            callId: string;
            provider: string | null;
            providerCallId: string | null;
            controlUrl: string | null;
        };
        CallProviderSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CallProvider"];
        };
        CallRefunded: {
            amount: number | string;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        CallStarted: {
            userId: string;
            personaId: string;
            /** @default null */
            direction?: ("inbound" | "outbound") | null;
            /** @default null */
            expectedDuration_seconds?: (number | string) | null;
            /** @default null */
            provider?: string | null;
            /** @default null */
            providerCallId?: string | null;
            /** @default null */
            controlUrl?: string | null;
            callId: string;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        CallSteps: {
            warn: boolean;
            warnAt_percent: Decimal;
            downgrade: boolean;
            downgradeAt_percent: Decimal;
            closingSentence: string | null;
        };
        CallSummary: {
            callId: string;
            userId: string;
            personaId: string | null;
            tags: {
                [key: string]: string;
            };
            /** @enum {unknown} */
            status: "abandoned" | "active" | "completed" | "failed" | "terminated";
            duration_seconds: Decimal;
            totalCost: Decimal;
            costByService: {
                [key: string]: Decimal;
            };
            chargedToUser: Decimal;
            refunded: Decimal;
            grossProfit: Decimal;
            grossMarginPercent: string;
            estimated: boolean;
            /** Format: date-time */
            createdAt: string;
            /** Format: date-time */
            calculatedAt: string;
            startedAt: string | null;
            endedAt: string | null;
            unpricedEvents: Decimal;
            chargePlan: components["schemas"]["CallChargePlan"] | null;
            endedByLimit: components["schemas"]["EndedByLimit"] | null;
        };
        CallUpdated: {
            /** @default null */
            provider?: string | null;
            /** @default null */
            providerCallId?: string | null;
            /** @default null */
            controlUrl?: string | null;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        Channel: {
            channelId: string;
            /** @enum {unknown} */
            type: "discord" | "email" | "slack" | "sms" | "teams" | "webhook";
            address: string;
            /** @enum {unknown} */
            state: "disabled" | "unverified" | "verified";
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            verifiedAt: string | null;
            deliveredAt: string | null;
            failures: Decimal;
            kinds: ("alert" | "anomaly" | "daily_digest" | "forecast" | "low_balance" | "unpriced" | "weekly_digest")[];
            quietHours: components["schemas"]["QuietHours"] | null;
        };
        ChannelChange: {
            kinds?: ("alert" | "anomaly" | "daily_digest" | "forecast" | "low_balance" | "unpriced" | "weekly_digest")[];
            quietHours?: components["schemas"]["WantedQuietHours"] | null;
        };
        ChannelSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Channel"];
        };
        Channels: {
            channels: components["schemas"]["Channel"][];
        };
        ChannelsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Channels"];
        };
        ChargePlanEntered: {
            /** @enum {unknown} */
            result: "entered" | "known";
        };
        ChargePlanEnteredSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ChargePlanEntered"];
        };
        ChargePlanEntry: {
            /** @enum {unknown} */
            kind: "cost_plus" | "default" | "ended" | "per_call" | "per_minute";
            /** @default  */
            userId?: string;
            /** @default  */
            personaId?: string;
            /** @default  */
            tagKey?: string;
            /** @default  */
            tagValue?: string;
            /** @default null */
            effectiveFrom?: string | null;
            /** @default null */
            amount_usd?: (number | string) | null;
            /** @default null */
            minimum_seconds?: number | null;
            /** @default null */
            increment_seconds?: number | null;
            /** @default null */
            includedMinutes?: number | null;
            /** @default null */
            markup_percent?: (number | string) | null;
            /** @default null */
            source?: string | null;
        };
        ChargePlanItem: {
            id: Decimal;
            userId: string;
            personaId: string;
            tagKey: string;
            tagValue: string;
            /** Format: date-time */
            effectiveFrom: string;
            /** @enum {unknown} */
            kind: "cost_plus" | "default" | "ended" | "per_call" | "per_minute";
            amount_usd: Decimal;
            minimum_seconds: Decimal;
            increment_seconds: Decimal;
            includedMinutes: Decimal;
            markup_percent: Decimal;
            description: string;
            /** @enum {unknown} */
            state: "future" | "in force" | "past";
            source: string;
            setBy: string;
            /** Format: date-time */
            createdAt: string;
        };
        ChargePlanList: {
            plans: components["schemas"]["ChargePlanItem"][];
        };
        ChargePlanListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ChargePlanList"];
        };
        Charged: {
            /** @enum {unknown} */
            type: "call.charged";
            data: components["schemas"]["CallCharged"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        CheaperModel: {
            id: string;
            model: string;
            amount: Decimal;
        };
        CommandAttempt: {
            number: Decimal;
            /** Format: date-time */
            at: string;
            target: string | null;
            outcome: ("dry_run" | "ended" | "executed" | "interrupted" | "permanent" | "temporary" | "unsupported") | null;
            status: string | null;
            error: string | null;
            duration_ms: Decimal | null;
        };
        CommandModeChange: {
            /** @enum {unknown} */
            mode: "dry_run" | "execute" | "stopped";
            reason: string;
            changedBy: string;
            /** Format: date-time */
            changedAt: string;
        };
        CommandModes: {
            /** @enum {unknown} */
            mode: "dry_run" | "execute" | "stopped";
            changes: components["schemas"]["CommandModeChange"][];
        };
        CommandModesSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CommandModes"];
        };
        CommandPage: {
            commands: components["schemas"]["ListedCommand"][];
            nextCursor: string | null;
        };
        CommandPageSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["CommandPage"];
        };
        CostBreakdown: {
            api: Decimal;
            infrastructure: Decimal;
            transaction: Decimal;
        };
        CostGroup: {
            totalCost: Decimal;
            costPercent: string;
            totalCalls: Decimal | null;
            totalDuration_seconds: Decimal | null;
            totalCharged: Decimal | null;
            totalRefunded: Decimal | null;
            totalGrossProfit: Decimal | null;
            averageMarginPercent: string | null;
            value: string;
        };
        CostGroups: {
            by: string;
            groups: components["schemas"]["CostGroup"][];
            others: components["schemas"]["OtherGroups"];
            without: components["schemas"]["GroupSums"];
        };
        CostLine: {
            service: string;
            operation: string;
            usage: Decimal | null;
            unit: string | null;
            unitCost: Decimal | null;
            totalCost: Decimal;
            metadata: Record<string, never> | null;
            usages: components["schemas"]["QuantityCost"][];
            unpriced: boolean;
            legId: string | null;
        };
        CostRecorded: {
            service: string;
            operation: string;
            /** @default null */
            usage?: (number | string) | null;
            /** @default null */
            unit?: string | null;
            /** @default null */
            personaId?: string | null;
            /** @default null */
            model?: string | null;
            /** @default null */
            unitCost?: (number | string) | null;
            /** @default null */
            totalCost?: (number | string) | null;
            /** @default false */
            estimated?: boolean;
            /** @default null */
            metadata?: Record<string, never> | null;
            /** @default null */
            priceContext?: components["schemas"]["PriceContext"] | null;
            /** @default null */
            usages?: components["schemas"]["Usage"][] | null;
            /** @default null */
            legId?: string | null;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        } & ({
            usage: number | string;
            unit: string;
            usages?: null;
        } | {
            usage?: null;
            unit?: null;
            unitCost?: null;
            usages: unknown[];
        });
        CostVoided: {
            voids: components["schemas"]["EventReference"];
            reason: string;
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
        };
        CountedCalls: {
            events: Decimal;
            calls: Decimal;
            userDays: Decimal;
            everyone: Decimal;
        };
        CountedMoney: {
            events: Decimal;
            calls: Decimal;
            userDays: Decimal;
            everyone: Decimal;
        };
        Credit: {
            userId: string;
            balance_usd: Decimal | null;
            held_usd: Decimal;
            available_usd: Decimal | null;
            chargedPerDay_usd: Decimal;
            lastsUntil: string | null;
            lowBalance_usd: Decimal[];
            lowBalanceDays: Decimal | null;
            grants: components["schemas"]["Grant"][];
            alerts: components["schemas"]["BalanceAlert"][];
            endingAlerts: components["schemas"]["BalanceEndingAlert"][];
        };
        CreditChange: {
            lowBalance_usd?: (number | string)[];
            lowBalanceDays?: number | null;
        };
        CreditGranted: {
            amount: number | string;
            /** @default null */
            expiresAt?: string | null;
            /** @default 100 */
            priority?: number;
            /** @default null */
            note?: string | null;
            userId: string;
        };
        CreditSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Credit"];
        };
        CreditVoided: {
            voids: components["schemas"]["EventReference"];
            reason: string;
            userId: string;
        };
        Crossing: {
            source: string;
            id: string;
            service: string | null;
        };
        DayCost: {
            /** Format: date */
            date: string;
            calls: Decimal;
            totalCost: Decimal;
            chargedToUser: Decimal;
            grossProfit: Decimal | null;
            costByService: {
                [key: string]: Decimal;
            };
            /** @default null */
            costByGroup?: {
                [key: string]: Decimal;
            } | null;
        };
        Deliveries: {
            deliveries: components["schemas"]["Delivery"][];
            nextCursor: string | null;
        };
        DeliveriesSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Deliveries"];
        };
        Delivery: {
            deliveryId: string;
            /** @enum {unknown} */
            kind: "alert" | "anomaly" | "daily_digest" | "forecast" | "low_balance" | "test" | "unpriced" | "verification" | "weekly_digest";
            alertId: string | null;
            /** @enum {unknown} */
            state: "delivered" | "delivering" | "failed" | "pending" | "skipped";
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            nextAttemptAt: string | null;
            deliveredAt: string | null;
            attempts: components["schemas"]["Attempt"][];
        };
        DismissalRequest: {
            reason: string;
        };
        Driver: {
            service: string;
            cost: Decimal;
            share_percent: Decimal;
        };
        EndRequest: {
            /** @default  */
            reason?: string;
        };
        Ended: {
            /** @enum {unknown} */
            type: "call.ended";
            data: components["schemas"]["CallEnded"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        EndedByLimit: {
            limit_usd: Decimal;
            budgetId: string | null;
            limitVersion: Decimal;
            /** Format: date-time */
            executedAt: string;
        };
        ErasureReceipt: {
            pseudonym: string;
            /** Format: date-time */
            erasedAt: string;
            dryRun: boolean;
            rows: {
                [key: string]: Decimal;
            };
            identifiers: {
                [key: string]: Decimal;
            };
            pendingArchives: components["schemas"]["PendingArchive"][];
            topics: components["schemas"]["TopicRetention"][];
        };
        ErasureReceiptSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ErasureReceipt"];
        };
        ErasureRequest: {
            confirm: string;
        };
        EventId: {
            source: string;
            id: string;
            callId: string;
        };
        EventPage: {
            callId: string;
            events: components["schemas"]["ListedEvent"][];
            nextCursor: string | null;
            archivedEvents: Decimal;
        };
        EventPageSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["EventPage"];
        };
        EventReference: {
            source: string;
            id: string;
        };
        EvidenceBody: {
            events: Decimal;
            calls: Decimal;
            service: string;
            operation: string;
            model: string;
            usage: components["schemas"]["UnitSum"][];
            exampleEvents: components["schemas"]["EventId"][];
        };
        Failure: {
            /** @constant */
            success: false;
            error: string;
            /** @enum {unknown} */
            code: "bad_request" | "call_finished" | "cost_recorded" | "erasure_refused" | "expectation_failed" | "forbidden" | "foreign_source" | "internal_error" | "invalid_body" | "invalid_event" | "invalid_json" | "invalid_parameter" | "method_not_allowed" | "not_found" | "not_ready" | "payload_too_large" | "plan_conflict" | "price_conflict" | "rate_limited" | "request_timeout" | "too_large" | "too_many_budgets" | "too_old" | "unauthorized" | "unavailable" | "unsupported_media_type" | "upgrade_required" | "uri_too_long";
        };
        Finalize: {
            /** @default null */
            callId?: string | null;
            /** @default null */
            userId?: string | null;
            /**
             * @default completed
             * @enum {unknown}
             */
            status?: "completed" | "failed" | "terminated";
            duration_seconds: number | string;
            /** @default null */
            amount?: (number | string) | null;
            /** @default null */
            fee?: (number | string) | null;
            /** @default stripe */
            processor?: string;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
            /** @default null */
            timestamp?: string | number | null;
        };
        Forecast: {
            userId: string;
            /** @enum {unknown} */
            period: "daily" | "monthly" | "weekly";
            /** Format: date-time */
            periodStart: string;
            /** Format: date-time */
            periodEnd: string;
            basedOnDays: Decimal;
            historicalCalls: Decimal;
            historicalCost: Decimal;
            historicalRevenue: Decimal;
            todaySoFar: components["schemas"]["TodaySoFar"];
            forecastedCalls: Decimal;
            forecastedCost: Decimal;
            forecastedRevenue: Decimal;
            forecastedProfit: Decimal;
            interval_percent: Decimal;
            costInterval: components["schemas"]["Interval"];
            revenueInterval: components["schemas"]["Interval"];
            confidence: Decimal;
            /** @enum {unknown} */
            budgetBasis: "charged" | "cost";
            timezone: string;
            monthEnd: components["schemas"]["MonthEnd"];
            limits: components["schemas"]["LimitForecasts"];
            warnings: string[];
        };
        ForecastSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Forecast"];
        };
        GapBody: {
            id: Decimal;
            cluster: string;
            topic: string;
            partition: Decimal;
            incarnation: string | null;
            fromOffset: Decimal;
            toOffset: Decimal | null;
            records: Decimal | null;
            counted: Decimal;
            /** @enum {unknown} */
            reason: "log_truncated" | "records_removed" | "topic_recreated";
            /** Format: date-time */
            noticedAt: string;
        };
        GlobalBudgetList: {
            budgets: components["schemas"]["ScopedBudget"][];
            budgetsMax: Decimal;
            /** @enum {unknown} */
            budgetBasis: "charged" | "cost";
            alerts: components["schemas"]["ListedAlert"][];
        };
        GlobalBudgetListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["GlobalBudgetList"];
        };
        Grant: {
            grantId: string;
            source: string;
            id: string;
            /** @enum {unknown} */
            state: "expired" | "upcoming" | "used" | "valid" | "voided";
            amount_usd: Decimal;
            remaining_usd: Decimal;
            expired_usd: Decimal;
            priority: Decimal;
            /** Format: date-time */
            grantedAt: string;
            expiresAt: string | null;
            /** Format: date-time */
            validFrom: string;
            validUntil: string | null;
            note: string | null;
            voidReason: string | null;
        };
        GrantRequest: {
            userId: string;
            amount: number | string;
            /** Format: date-time */
            expiresAt?: string;
            /** @default 100 */
            priority?: number;
            note?: string;
        };
        GrantVoidRequest: {
            userId: string;
            voids: components["schemas"]["EventReference"];
            reason: string;
        };
        GrantVoided: {
            /** @enum {unknown} */
            type: "credit.voided";
            data: components["schemas"]["CreditVoided"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        Granted: {
            /** @enum {unknown} */
            type: "credit.granted";
            data: components["schemas"]["CreditGranted"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        GroupSums: {
            totalCost: Decimal;
            costPercent: string;
            totalCalls: Decimal | null;
            totalDuration_seconds: Decimal | null;
            totalCharged: Decimal | null;
            totalRefunded: Decimal | null;
            totalGrossProfit: Decimal | null;
            averageMarginPercent: string | null;
        };
        HeldCall: {
            callId: string;
            events: Decimal;
            types: string[];
            sources: string[];
            /** Format: date-time */
            firstAt: string;
            /** Format: date-time */
            heldAt: string;
        };
        HeldCallPage: {
            calls: components["schemas"]["HeldCall"][];
            nextCursor: string | null;
        };
        HeldCallPageSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["HeldCallPage"];
        };
        InfrastructureCost: {
            costPerCall: Decimal;
        };
        InsightsBody: {
            largestCostComponent: string | null;
            largestCostComponentPercent: string;
            recommendations: string[];
        };
        Interval: {
            low: Decimal;
            high: Decimal;
        };
        KeyValue: {
            /** @default  */
            key?: string;
            /** @default null */
            value?: components["schemas"]["AnyValue"] | null;
        };
        LimitForecast: {
            limit_usd: Decimal;
            isReached: boolean;
            reachedOn: string | null;
            reachedIn_seconds: Decimal | null;
        };
        LimitForecasts: {
            daily: components["schemas"]["LimitForecast"] | null;
            monthly: components["schemas"]["LimitForecast"] | null;
        };
        LimitVersions: {
            daily: Decimal;
            monthly: Decimal;
            call: Decimal;
        };
        ListedAlert: {
            alertId: string;
            userId: string;
            /** @enum {unknown} */
            type: "call" | "daily" | "monthly" | "weekly";
            threshold_percent: Decimal;
            limit_usd: Decimal;
            current_spend: Decimal;
            remaining: Decimal;
            message: string;
            /** Format: date-time */
            triggeredAt: string;
            period: string;
            /** Format: date-time */
            periodStart: string;
            periodEnd: string | null;
            callId: string | null;
            crossedBy: components["schemas"]["Crossing"] | null;
            limitVersion: Decimal;
            /** @enum {unknown} */
            basis: "charged" | "cost";
            late: boolean;
            drivers: components["schemas"]["Driver"][];
            spentLastHour: Decimal;
            eventTime: string | null;
            budgetId: string | null;
            scope: components["schemas"]["BudgetScope"] | null;
            readAt: string | null;
        };
        ListedAlertSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ListedAlert"];
        };
        ListedAnomaly: {
            anomalyId: string;
            userId: string;
            /** @enum {unknown} */
            kind: "abandoned_call" | "call_spike" | "day_spike" | "missing_leg" | "silent_call";
            service: string | null;
            leg: ("inference" | "speech_recognition" | "speech_synthesis" | "telephony") | null;
            callId: string | null;
            /** Format: date */
            day: string;
            observed_usd: Decimal;
            expected_usd: Decimal | null;
            score: Decimal | null;
            comparedWith: ("own_calls" | "own_days" | "own_persona_calls" | "persona_calls") | null;
            comparedCount: Decimal;
            message: string;
            /** Format: date-time */
            occurredAt: string;
            /** Format: date-time */
            detectedAt: string;
            savings_usd: Decimal | null;
            resolvedAt: string | null;
            dismissal: components["schemas"]["AnomalyDismissal"] | null;
        };
        ListedAnomalySuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ListedAnomaly"];
        };
        ListedCommand: {
            commandId: string;
            callId: string;
            /** @enum {unknown} */
            kind: "cutoff" | "downgrade" | "warn";
            /** @enum {unknown} */
            cause: "hand" | "limit" | "stuck";
            /** @enum {unknown} */
            state: "dry_run" | "ended" | "executed" | "executing" | "expired" | "failed" | "pending" | "unsupported";
            reason: string;
            requestedBy: string | null;
            /** Format: date-time */
            requestedAt: string;
            endedAt: string | null;
            userId: string;
            target: string | null;
            outcome: string | null;
            attempts: components["schemas"]["CommandAttempt"][];
        };
        ListedEvent: {
            source: string;
            id: string;
            /** @enum {unknown} */
            type: "call.charged" | "call.ended" | "call.refunded" | "call.settled" | "call.started" | "call.updated" | "cost.recorded" | "cost.voided";
            /** Format: date-time */
            time: string;
            /** Format: date-time */
            recordedAt: string;
            service: string | null;
            operation: string | null;
            model: string | null;
            usage: Decimal | null;
            unit: string | null;
            unitCost: Decimal | null;
            totalCost: Decimal;
            costByService: {
                [key: string]: Decimal;
            };
            amount: Decimal;
            estimated: boolean;
            voided: boolean;
            voids: components["schemas"]["EventReference"] | null;
            tags: {
                [key: string]: string;
            };
            data: Record<string, never> | null;
            usages: components["schemas"]["ListedQuantity"][];
            unpriced: boolean;
            legId: string | null;
            listCost: Decimal | null;
        };
        ListedQuantity: {
            unit: string;
            quantity: Decimal;
            totalCost: Decimal | null;
            priceId: Decimal | null;
        };
        ListedService: {
            service: string;
            days: Decimal;
            costs: Decimal;
            reported: Decimal;
            listed: Decimal;
            variance: Decimal;
            variancePercent: string;
        };
        LiveAlert: {
            /** @enum {unknown} */
            type: "alert";
            alert: Record<string, never> | null;
        };
        LiveBudget: {
            /** @enum {unknown} */
            type: "budget";
            budget: components["schemas"]["Budget"];
        };
        LiveCall: {
            callId: string;
            userId: string;
            personaId: string | null;
            tags: {
                [key: string]: string;
            };
            /** @enum {unknown} */
            status: "abandoned" | "active" | "completed" | "failed" | "terminated";
            startedAt: string | null;
            elapsed_seconds: Decimal;
            totalCost: Decimal;
            costByService: {
                [key: string]: Decimal;
            };
            chargedToUser: Decimal;
            projectedCost: Decimal;
            projection: components["schemas"]["LiveProjection"] | null;
            version: Decimal;
            /** Format: date-time */
            updatedAt: string;
        };
        LiveChange: {
            /** @enum {unknown} */
            type: "call";
            call: components["schemas"]["LiveCall"];
        };
        LivePing: {
            /** @enum {unknown} */
            type: "ping";
        };
        LivePong: {
            /** @enum {unknown} */
            type: "pong";
        };
        LiveProjection: {
            low: Decimal;
            high: Decimal;
            duration_seconds: Decimal;
            dueOnce: Decimal;
            basedOnCalls: Decimal;
        };
        LiveSnapshot: {
            /** @enum {unknown} */
            type: "snapshot";
            calls: components["schemas"]["LiveCall"][];
            budget: components["schemas"]["Budget"];
        };
        LiveSubscribe: {
            /** @enum {unknown} */
            type: "subscribe";
            calls?: string[] | null;
        };
        LiveTicket: {
            ticket: string;
            expiresIn_seconds: Decimal;
        };
        LiveTicketSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["LiveTicket"];
        };
        ModelAlias: {
            service: string;
            alias: string;
            model: string | null;
            /** Format: date-time */
            effectiveFrom: string;
            until: string | null;
            source: string;
            setBy: string;
            /** Format: date-time */
            createdAt: string;
        };
        ModelAliasEntered: {
            /** @enum {unknown} */
            result: "entered" | "known";
        };
        ModelAliasEnteredSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ModelAliasEntered"];
        };
        ModelAliasEntry: {
            service: string;
            alias: string;
            /** @default null */
            model?: string | null;
            /** @default null */
            effectiveFrom?: string | null;
            /** @default null */
            source?: string | null;
        };
        ModelAliasList: {
            aliases: components["schemas"]["ModelAlias"][];
        };
        ModelAliasListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ModelAliasList"];
        };
        MonthEnd: {
            month: string;
            spendSoFar: Decimal;
            expectedSpend: Decimal;
            low: Decimal;
            high: Decimal;
        };
        NewApiKey: {
            key: string;
            item: components["schemas"]["ApiKeyItem"];
        };
        NewApiKeySuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["NewApiKey"];
        };
        NewChannel: {
            channelId: string;
            /** @enum {unknown} */
            type: "discord" | "email" | "slack" | "sms" | "teams" | "webhook";
            address: string;
            /** @enum {unknown} */
            state: "disabled" | "unverified" | "verified";
            reason: string | null;
            /** Format: date-time */
            createdAt: string;
            verifiedAt: string | null;
            deliveredAt: string | null;
            failures: Decimal;
            kinds: ("alert" | "anomaly" | "daily_digest" | "forecast" | "low_balance" | "unpriced" | "weekly_digest")[];
            quietHours: components["schemas"]["QuietHours"] | null;
            secret: string | null;
        };
        NewChannelSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["NewChannel"];
        };
        NewWebhookEndpoint: {
            item: components["schemas"]["WebhookEndpointItem"];
            secret: string | null;
        };
        NewWebhookEndpointSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["NewWebhookEndpoint"];
        };
        OtherGroups: {
            totalCost: Decimal;
            costPercent: string;
            totalCalls: Decimal | null;
            totalDuration_seconds: Decimal | null;
            totalCharged: Decimal | null;
            totalRefunded: Decimal | null;
            totalGrossProfit: Decimal | null;
            averageMarginPercent: string | null;
            number: Decimal;
        };
        PendingArchive: {
            month: string;
            part: Decimal;
            file: string;
        };
        Period: {
            /** Format: date-time */
            start: string;
            /** Format: date-time */
            end: string;
            label: string;
        };
        PersonaCost: {
            personaId: string;
            calls: Decimal;
            totalCost: Decimal;
        };
        PlannedCost: {
            source: string;
            id: string;
            amount?: number | string;
            service?: string;
            operation?: string;
            model?: string;
            usages?: components["schemas"]["Usage"][];
            priceContext?: components["schemas"]["PriceContext"];
        };
        PreviousSpending: {
            /** Format: date-time */
            start: string;
            /** Format: date-time */
            end: string;
            totalCalls: Decimal;
            totalCost: Decimal;
            totalCharged: Decimal;
            totalRefunded: Decimal;
            totalGrossProfit: Decimal;
            averageMarginPercent: string;
        };
        PriceConditions: {
            /** @default null */
            tier?: string | null;
            /** @default null */
            inputSizeAbove?: Decimal | null;
            /** @default null */
            direction?: ("inbound" | "outbound") | null;
            /** @default null */
            destination?: string | null;
            /** @default null */
            voiceClass?: string | null;
            /** @default null */
            hours?: string | null;
        };
        PriceContext: {
            /** @default null */
            tier?: string | null;
            /** @default null */
            inputSize?: number | null;
            /** @default null */
            direction?: ("inbound" | "outbound") | null;
            /** @default null */
            destination?: string | null;
            /** @default null */
            voiceClass?: string | null;
        };
        PriceEntered: {
            /** @enum {unknown} */
            result: "entered" | "known" | "pending";
            proposal: components["schemas"]["PriceProposal"] | null;
        };
        PriceEnteredSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["PriceEntered"];
        };
        PriceEntry: {
            service: string;
            operation: string;
            unit: string;
            price_usd: number | string;
            /** @default api */
            serviceClass?: string;
            /** @default null */
            model?: string | null;
            /** @default null */
            conditions?: components["schemas"]["PriceConditions"] | null;
            /** @default 1 */
            perUnits?: number;
            /** @default 0 */
            minimum_seconds?: number;
            /** @default 0 */
            increment_seconds?: number;
            /** @default null */
            effectiveFrom?: string | null;
            /** @default null */
            source?: string | null;
            /** @default null */
            sourceUrl?: string | null;
            /** @default null */
            sourceDate?: string | null;
            /** @default null */
            retiresOn?: string | null;
            /** @default null */
            isDeprecated?: boolean | null;
            /** @default false */
            approve?: boolean;
        };
        PriceItem: {
            id: Decimal;
            service: string;
            serviceClass: string;
            operation: string;
            model: string;
            unit: string;
            conditions: components["schemas"]["PriceConditions"] | null;
            price_usd: Decimal;
            perUnits: Decimal;
            minimum_seconds: Decimal;
            increment_seconds: Decimal;
            /** Format: date-time */
            effectiveFrom: string;
            /** @enum {unknown} */
            state: "future" | "in force" | "past";
            stale: boolean;
            staleReason: ("not_verified" | "old_source") | null;
            /** Format: date-time */
            verifiedAt: string;
            source: string;
            sourceUrl: string | null;
            sourceDate: string | null;
            setBy: string;
            /** Format: date-time */
            createdAt: string;
            retiresOn: string | null;
            isDeprecated: boolean;
        };
        PriceList: {
            prices: components["schemas"]["PriceItem"][];
            pending: components["schemas"]["PriceProposal"][];
            sources: components["schemas"]["PriceSource"][];
        };
        PriceListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["PriceList"];
        };
        PriceProposal: {
            id: Decimal;
            service: string;
            serviceClass: string;
            operation: string;
            model: string;
            unit: string;
            conditions: components["schemas"]["PriceConditions"] | null;
            price_usd: Decimal;
            perUnits: Decimal;
            minimum_seconds: Decimal;
            increment_seconds: Decimal;
            /** Format: date-time */
            effectiveFrom: string;
            inForcePrice_usd: Decimal;
            inForcePerUnits: Decimal;
            inForceMinimum_seconds: Decimal;
            inForceIncrement_seconds: Decimal;
            change_percent: Decimal | null;
            /** @enum {unknown} */
            state: "approved" | "pending" | "rejected" | "replaced";
            source: string;
            setBy: string;
            /** Format: date-time */
            proposedAt: string;
            decidedBy: string | null;
            priceId: Decimal | null;
        };
        PriceProposalSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["PriceProposal"];
        };
        PriceSource: {
            name: string;
            /** Format: date-time */
            triedAt: string;
            readAt: string | null;
            error: string | null;
            stale: boolean;
        };
        Proof: {
            code?: string;
        };
        QuantityCost: {
            unit: string;
            quantity: Decimal;
            unitCost: Decimal | null;
            totalCost: Decimal | null;
        };
        QuietHours: {
            start: string;
            end: string;
            timezone: string | null;
        };
        RecentCosts: {
            /** Format: date-time */
            since: string;
            step_seconds: Decimal;
            steps: Decimal;
            costByService: {
                [key: string]: Decimal[];
            };
        };
        RecentCostsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["RecentCosts"];
        };
        RecommendationBody: {
            /** @enum {unknown} */
            kind: "model_choice" | "phrase_caching" | "prepaid_bundle" | "shorter_replies";
            recommendation: string;
            saving: Decimal;
            currentCost: Decimal;
            newCost: Decimal;
            computation: string;
            evidence: components["schemas"]["EvidenceBody"];
            alternatives: components["schemas"]["AlternativeBody"][];
        };
        Recommendations: {
            userId: string;
            period: components["schemas"]["Period"];
            basedOnCalls: Decimal;
            basedOnEvents: Decimal;
            recommendations: components["schemas"]["RecommendationBody"][];
            retirements: components["schemas"]["RetirementBody"][];
            notes: string[];
        };
        RecommendationsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Recommendations"];
        };
        ReconciledDay: {
            /** Format: date */
            date: string;
            differences: Decimal;
            calls: components["schemas"]["CountedCalls"];
            totalCost: components["schemas"]["CountedMoney"];
            charged: components["schemas"]["CountedMoney"];
            refunded: components["schemas"]["CountedMoney"];
        };
        ReconciliationBody: {
            period: components["schemas"]["Period"];
            differences: Decimal;
            archivedEvents: Decimal;
            days: components["schemas"]["ReconciledDay"][];
            bills: components["schemas"]["BillsBody"];
            listPrices: components["schemas"]["ListedService"][];
            gaps: components["schemas"]["GapBody"][];
        };
        ReconciliationBodySuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ReconciliationBody"];
        };
        Recorded: {
            /** @enum {unknown} */
            type: "cost.recorded";
            data: components["schemas"]["CostRecorded"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        Refunded: {
            /** @enum {unknown} */
            type: "call.refunded";
            data: components["schemas"]["CallRefunded"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        RefusedEvent: {
            code: string;
            message: string;
            /** Format: date-time */
            refusedAt: string;
        };
        ReportedCall: {
            callId: string;
            userId: string | null;
            /** @enum {unknown} */
            status: "abandoned" | "active" | "completed" | "failed" | "terminated";
            events: Decimal;
            heldEvents: Decimal;
            totalCost: Decimal;
        };
        Requested: {
            deliveryId: string;
        };
        RequestedSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Requested"];
        };
        RerateAlert: {
            userId: string;
            /** @enum {unknown} */
            type: "call" | "daily" | "monthly" | "weekly";
            period: string;
            threshold_percent: Decimal;
            limit_usd: Decimal;
            spendBefore: Decimal;
            spendAfter: Decimal;
            late: boolean;
        };
        RerateCharge: {
            userId: string;
            callId: string;
            chargedBefore: Decimal;
            chargedAfter: Decimal;
        };
        RerateCharges: {
            calls: Decimal;
            chargedBefore: Decimal;
            chargedAfter: Decimal;
            difference: Decimal;
            firstCalls: components["schemas"]["RerateCharge"][];
        };
        RerateGroup: {
            costs: Decimal;
            costBefore: Decimal;
            costAfter: Decimal;
            difference: Decimal;
            name: string;
        };
        RerateReport: {
            dryRun: boolean;
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
            applied: Decimal;
            complete: boolean;
            total: components["schemas"]["RerateSum"];
            totalCostBefore: Decimal;
            totalCostAfter: Decimal;
            marginPercentBefore: string;
            marginPercentAfter: string;
            byService: components["schemas"]["RerateGroup"][];
            byDay: components["schemas"]["RerateGroup"][];
            users: Decimal;
            topUsers: components["schemas"]["RerateUser"][];
            charges: components["schemas"]["RerateCharges"];
            alerts: Decimal;
            firstAlerts: components["schemas"]["RerateAlert"][];
        };
        RerateReportSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["RerateReport"];
        };
        RerateSum: {
            costs: Decimal;
            costBefore: Decimal;
            costAfter: Decimal;
            difference: Decimal;
        };
        RerateUser: {
            costs: Decimal;
            costBefore: Decimal;
            costAfter: Decimal;
            difference: Decimal;
            userId: string;
            totalCostBefore: Decimal;
            totalCostAfter: Decimal;
            charged: Decimal;
            refunded: Decimal;
            marginPercentBefore: string;
            marginPercentAfter: string;
        };
        Reservation: {
            granted: boolean;
            callId: string;
            userId: string;
            budget: ("call" | "daily" | "monthly" | "weekly") | ("balance" | "global") | null;
            reason: string;
            remaining: Decimal | null;
            costs: components["schemas"]["ReservedCost"][];
            reservedUntil: string | null;
            cheaper: components["schemas"]["CheaperModel"] | null;
            budgetId: string | null;
        };
        ReservationRequest: {
            userId: string;
            costs: components["schemas"]["PlannedCost"][];
            lasts_seconds?: number | string;
        };
        ReservationSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Reservation"];
        };
        ReservedCost: {
            source: string;
            id: string;
            amount: Decimal;
        };
        Resource: {
            /** @default null */
            attributes?: components["schemas"]["KeyValue"][] | null;
        };
        ResourceSpans: {
            /** @default null */
            resource?: components["schemas"]["Resource"] | null;
            /** @default null */
            scopeSpans?: components["schemas"]["ScopeSpans"][] | null;
        };
        RetirementBody: {
            warning: string;
            retiresOn: string | null;
            isDeprecated: boolean;
            currentCost: Decimal;
            evidence: components["schemas"]["EvidenceBody"];
            replacements: components["schemas"]["AlternativeBody"][];
        };
        RoundingCost: {
            service: string;
            operation: string;
            model: string | null;
            legId: string | null;
            billed_seconds: Decimal;
            totalCost: Decimal;
        };
        Scope: {
            /** @default  */
            name?: string | null;
        };
        ScopeSpans: {
            /** @default null */
            scope?: components["schemas"]["Scope"] | null;
            /** @default null */
            spans?: (Record<string, never> | null)[] | null;
        };
        ScopedBudget: {
            budgetId: string;
            scope: components["schemas"]["BudgetScope"];
            /** @enum {unknown} */
            period: "call" | "day" | "month" | "week";
            limit_usd: Decimal;
            currentLimit_usd: Decimal;
            raise: components["schemas"]["BudgetRaise"] | null;
            thresholds: Decimal[];
            autoCutoff: boolean;
            callSteps: components["schemas"]["CallSteps"];
            limitVersion: Decimal;
            periodStart: string | null;
            periodEnd: string | null;
            currentSpend: Decimal | null;
            remaining: Decimal | null;
            /** Format: date-time */
            countsFrom: string;
            /** Format: date-time */
            createdAt: string;
            /** @enum {unknown} */
            basis: "charged" | "cost";
        };
        ScopedBudgetList: {
            budgets: components["schemas"]["ScopedBudget"][];
            budgetsMax: Decimal;
            /** @enum {unknown} */
            budgetBasis: "charged" | "cost";
        };
        ScopedBudgetListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ScopedBudgetList"];
        };
        ScopedBudgetSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["ScopedBudget"];
        };
        Spending: {
            userId: string;
            period: components["schemas"]["Period"];
            totalCalls: Decimal;
            totalDuration_seconds: Decimal;
            averageDuration_seconds: Decimal;
            totalCost: Decimal;
            totalApiCost: Decimal;
            totalInfrastructureCost: Decimal;
            totalTransactionCost: Decimal;
            averageCostPerCall: Decimal;
            totalCharged: Decimal;
            totalRefunded: Decimal;
            totalNetRevenue: Decimal | null;
            totalGrossProfit: Decimal | null;
            averageMarginPercent: string | null;
            costByService: {
                [key: string]: Decimal;
            };
            topPersonas: components["schemas"]["PersonaCost"][];
            daily: components["schemas"]["SpendingDay"][];
            unpricedEvents: Decimal;
            /** @default null */
            previous?: components["schemas"]["PreviousSpending"] | null;
            /** @default null */
            groups?: components["schemas"]["CostGroups"] | null;
        };
        SpendingDay: {
            /** Format: date */
            date: string;
            calls: Decimal;
            totalCost: Decimal;
            chargedToUser: Decimal;
            grossProfit: Decimal | null;
            costByService: {
                [key: string]: Decimal;
            };
            /** @default null */
            costByGroup?: {
                [key: string]: Decimal;
            } | null;
            costByPersona: {
                [key: string]: Decimal;
            };
        };
        SpendingSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Spending"];
        };
        Started: {
            /** @enum {unknown} */
            type: "call.started";
            data: components["schemas"]["CallStarted"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        Status: {
            status: string;
            /** @default [] */
            checks?: string[];
        };
        StatusSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["Status"];
        };
        TodaySoFar: {
            calls: Decimal;
            cost: Decimal;
            revenue: Decimal;
        };
        TopCosts: {
            period: components["schemas"]["Period"];
            /** @enum {unknown} */
            by: "day" | "persona" | "service" | "user";
            /** @enum {unknown} */
            sort: "calls" | "charged" | "cost" | "name" | "profit";
            /** @enum {unknown} */
            order: "asc" | "desc";
            totalEntries: Decimal;
            totalCost: Decimal;
            entries: components["schemas"]["TopEntry"][];
        };
        TopCostsSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["TopCosts"];
        };
        TopEntry: {
            name: string;
            totalCost: Decimal;
            costPercent: string;
            calls: Decimal | null;
            totalDuration_seconds: Decimal | null;
            chargedToUser: Decimal | null;
            refunded: Decimal | null;
            grossProfit: Decimal | null;
            grossMarginPercent: string | null;
        };
        TopicRetention: {
            topic: string;
            until: string | null;
        };
        TraceExport: {
            /** @default null */
            resourceSpans?: components["schemas"]["ResourceSpans"][] | null;
        };
        Track: {
            callId: string;
            /** @default null */
            userId?: string | null;
            /** @default null */
            personaId?: string | null;
            service: string;
            operation: string;
            /** @default null */
            model?: string | null;
            /** @default null */
            usageAmount?: (number | string) | null;
            /** @default null */
            usageUnit?: string | null;
            /** @default null */
            unitCost?: (number | string) | null;
            /** @default null */
            totalCost?: (number | string) | null;
            /** @default false */
            estimated?: boolean;
            /** @default null */
            metadata?: Record<string, never> | null;
            /** @default null */
            tags?: {
                [key: string]: string;
            } | null;
            /** @default null */
            timestamp?: string | number | null;
            /** @default null */
            usages?: components["schemas"]["Usage"][] | null;
            /** @default null */
            legId?: string | null;
        } & ({
            usageAmount: number | string;
            usageUnit: string;
            usages?: null;
        } | {
            usageAmount?: null;
            usageUnit?: null;
            unitCost?: null;
            usages: unknown[];
        });
        TransactionCost: {
            totalFee: Decimal;
        };
        UnitSum: {
            unit: string;
            usage: Decimal;
        };
        Updated: {
            /** @enum {unknown} */
            type: "call.updated";
            data: components["schemas"]["CallUpdated"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        Usage: {
            /**
             * @example input_tokens
             * @example cached_input_tokens
             * @example cache_write_tokens
             * @example cache_write_1h_tokens
             * @example output_tokens
             * @example reasoning_tokens
             * @example input_audio_tokens
             * @example cached_input_audio_tokens
             * @example output_audio_tokens
             * @example tokens
             * @example characters
             * @example audio_seconds
             * @example seconds
             * @example minutes
             * @example requests
             * @example messages
             * @example images
             * @example searches
             */
            unit: string;
            quantity: number | string;
        };
        UserEntry: {
            userId: string;
            firstDay: string | null;
            lastDay: string | null;
        };
        UserList: {
            totalUsers: Decimal;
            users: components["schemas"]["UserEntry"][];
        };
        UserListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["UserList"];
        };
        UsualCost: {
            low_usd: Decimal;
            high_usd: Decimal;
        };
        Voided: {
            /** @enum {unknown} */
            type: "cost.voided";
            data: components["schemas"]["CostVoided"];
            /** @enum {unknown} */
            specversion: "1.0";
            id: string;
            source: string;
            /** Format: date-time */
            time: string;
            /** @default null */
            subject?: string | null;
            /** @default null */
            timesource?: string | null;
        };
        WantedApiKey: {
            service: string;
            scopes: ("ingest" | "read" | "reserve")[];
        };
        WantedBudget: {
            /**
             * @default {
             *       "kind": "user",
             *       "key": null,
             *       "value": null
             *     }
             */
            scope?: components["schemas"]["WantedScope"];
            /** @enum {unknown} */
            period: "call" | "day" | "month" | "week";
            limit_usd: number | string;
            raise?: components["schemas"]["WantedRaise"] | null;
            thresholds?: (number | string)[];
            /** @default true */
            autoCutoff?: boolean;
            /**
             * @default {
             *       "warn": false,
             *       "warnAt_percent": 80,
             *       "downgrade": false,
             *       "downgradeAt_percent": 95,
             *       "closingSentence": null
             *     }
             */
            callSteps?: components["schemas"]["WantedCallSteps"];
        };
        WantedCallSteps: {
            /** @default false */
            warn?: boolean;
            /** @default 80 */
            warnAt_percent?: number | string;
            /** @default false */
            downgrade?: boolean;
            /** @default 95 */
            downgradeAt_percent?: number | string;
            /** @default null */
            closingSentence?: string | null;
        };
        WantedChannel: {
            /** @enum {unknown} */
            type: "discord" | "email" | "slack" | "sms" | "teams" | "webhook";
            address: string;
            kinds?: ("alert" | "anomaly" | "daily_digest" | "forecast" | "low_balance" | "unpriced" | "weekly_digest")[];
        };
        WantedGlobalBudget: {
            /**
             * @default {
             *       "kind": "all",
             *       "key": null,
             *       "value": null
             *     }
             */
            scope?: components["schemas"]["WantedGlobalScope"];
            /** @enum {unknown} */
            period: "day" | "month" | "week";
            limit_usd: number | string;
            raise?: components["schemas"]["WantedRaise"] | null;
            thresholds?: (number | string)[];
        };
        WantedGlobalScope: {
            /**
             * @default all
             * @enum {unknown}
             */
            kind?: "all" | "service" | "tag";
            /** @default null */
            key?: string | null;
            /** @default null */
            value?: string | null;
        };
        WantedMode: {
            /** @enum {unknown} */
            mode: "dry_run" | "execute" | "stopped";
            reason: string;
        };
        WantedQuietHours: {
            start: string;
            end: string;
            /** @default null */
            timezone?: string | null;
        };
        WantedRaise: {
            limit_usd: number | string;
            /** Format: date-time */
            until: string;
        };
        WantedScope: {
            /**
             * @default user
             * @enum {unknown}
             */
            kind?: "persona" | "tag" | "user";
            /** @default null */
            key?: string | null;
            /** @default null */
            value?: string | null;
        };
        WantedWebhookEndpoint: {
            provider: string;
            name: string;
            /** @default null */
            userPath?: string | null;
            /** @default null */
            callPath?: string | null;
            /** @default 300 */
            replayWindow_seconds?: number;
            /** @default {} */
            settings?: Record<string, never>;
            /** @default null */
            secret?: string | null;
        };
        WantedWebhookSecret: {
            /** @default null */
            secret?: string | null;
        };
        WebhookEndpointItem: {
            id: string;
            provider: string;
            name: string;
            path: string;
            userPath: string;
            callPath: string | null;
            replayWindow_seconds: Decimal;
            settings: Record<string, never>;
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
            acceptedAt: string | null;
            refusedAt: string | null;
            refusal: string | null;
            secrets: components["schemas"]["WebhookSecretItem"][];
        };
        WebhookEndpointItemSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["WebhookEndpointItem"];
        };
        WebhookEndpointList: {
            endpoints: components["schemas"]["WebhookEndpointItem"][];
        };
        WebhookEndpointListSuccess: {
            /** @constant */
            success: true;
            data: components["schemas"]["WebhookEndpointList"];
        };
        WebhookSecretItem: {
            id: Decimal;
            createdBy: string;
            /** Format: date-time */
            createdAt: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Accepted = components['schemas']['Accepted'];
export type AcceptedSuccess = components['schemas']['AcceptedSuccess'];
export type AcceptedWebhook = components['schemas']['AcceptedWebhook'];
export type AcceptedWebhookSuccess = components['schemas']['AcceptedWebhookSuccess'];
export type AlertList = components['schemas']['AlertList'];
export type AlertListSuccess = components['schemas']['AlertListSuccess'];
export type AlertReading = components['schemas']['AlertReading'];
export type AlternativeBody = components['schemas']['AlternativeBody'];
export type Analytics = components['schemas']['Analytics'];
export type AnalyticsSuccess = components['schemas']['AnalyticsSuccess'];
export type AnomalyDay = components['schemas']['AnomalyDay'];
export type AnomalyDetail = components['schemas']['AnomalyDetail'];
export type AnomalyDetailSuccess = components['schemas']['AnomalyDetailSuccess'];
export type AnomalyDismissal = components['schemas']['AnomalyDismissal'];
export type AnomalyList = components['schemas']['AnomalyList'];
export type AnomalyListSuccess = components['schemas']['AnomalyListSuccess'];
export type AnyValue = components['schemas']['AnyValue'];
export type ApiKeyItem = components['schemas']['ApiKeyItem'];
export type ApiKeyItemSuccess = components['schemas']['ApiKeyItemSuccess'];
export type ApiKeyList = components['schemas']['ApiKeyList'];
export type ApiKeyListSuccess = components['schemas']['ApiKeyListSuccess'];
export type ApiKeyReport = components['schemas']['ApiKeyReport'];
export type ApiKeyReportSuccess = components['schemas']['ApiKeyReportSuccess'];
export type Assignment = components['schemas']['Assignment'];
export type Attempt = components['schemas']['Attempt'];
export type Authorization = components['schemas']['Authorization'];
export type AuthorizationRequest = components['schemas']['AuthorizationRequest'];
export type AuthorizationSuccess = components['schemas']['AuthorizationSuccess'];
export type BalanceAlert = components['schemas']['BalanceAlert'];
export type BalanceEndingAlert = components['schemas']['BalanceEndingAlert'];
export type BilledDay = components['schemas']['BilledDay'];
export type BilledService = components['schemas']['BilledService'];
export type BillsBody = components['schemas']['BillsBody'];
export type Budget = components['schemas']['Budget'];
export type BudgetChange = components['schemas']['BudgetChange'];
export type BudgetRaise = components['schemas']['BudgetRaise'];
export type BudgetScope = components['schemas']['BudgetScope'];
export type BudgetSuccess = components['schemas']['BudgetSuccess'];
export type CallChargePlan = components['schemas']['CallChargePlan'];
export type CallCharged = components['schemas']['CallCharged'];
export type CallCommand = components['schemas']['CallCommand'];
export type CallCommandSuccess = components['schemas']['CallCommandSuccess'];
export type CallCommands = components['schemas']['CallCommands'];
export type CallCommandsSuccess = components['schemas']['CallCommandsSuccess'];
export type CallCost = components['schemas']['CallCost'];
export type CallCostSuccess = components['schemas']['CallCostSuccess'];
export type CallEnded = components['schemas']['CallEnded'];
export type CallPage = components['schemas']['CallPage'];
export type CallPageSuccess = components['schemas']['CallPageSuccess'];
export type CallProvider = components['schemas']['CallProvider'];
export type CallProviderSuccess = components['schemas']['CallProviderSuccess'];
export type CallRefunded = components['schemas']['CallRefunded'];
export type CallStarted = components['schemas']['CallStarted'];
export type CallSteps = components['schemas']['CallSteps'];
export type CallSummary = components['schemas']['CallSummary'];
export type CallUpdated = components['schemas']['CallUpdated'];
export type Channel = components['schemas']['Channel'];
export type ChannelChange = components['schemas']['ChannelChange'];
export type ChannelSuccess = components['schemas']['ChannelSuccess'];
export type Channels = components['schemas']['Channels'];
export type ChannelsSuccess = components['schemas']['ChannelsSuccess'];
export type ChargePlanEntered = components['schemas']['ChargePlanEntered'];
export type ChargePlanEnteredSuccess = components['schemas']['ChargePlanEnteredSuccess'];
export type ChargePlanEntry = components['schemas']['ChargePlanEntry'];
export type ChargePlanItem = components['schemas']['ChargePlanItem'];
export type ChargePlanList = components['schemas']['ChargePlanList'];
export type ChargePlanListSuccess = components['schemas']['ChargePlanListSuccess'];
export type Charged = components['schemas']['Charged'];
export type CheaperModel = components['schemas']['CheaperModel'];
export type CommandAttempt = components['schemas']['CommandAttempt'];
export type CommandModeChange = components['schemas']['CommandModeChange'];
export type CommandModes = components['schemas']['CommandModes'];
export type CommandModesSuccess = components['schemas']['CommandModesSuccess'];
export type CommandPage = components['schemas']['CommandPage'];
export type CommandPageSuccess = components['schemas']['CommandPageSuccess'];
export type CostBreakdown = components['schemas']['CostBreakdown'];
export type CostGroup = components['schemas']['CostGroup'];
export type CostGroups = components['schemas']['CostGroups'];
export type CostLine = components['schemas']['CostLine'];
export type CostRecorded = components['schemas']['CostRecorded'];
export type CostVoided = components['schemas']['CostVoided'];
export type CountedCalls = components['schemas']['CountedCalls'];
export type CountedMoney = components['schemas']['CountedMoney'];
export type Credit = components['schemas']['Credit'];
export type CreditChange = components['schemas']['CreditChange'];
export type CreditGranted = components['schemas']['CreditGranted'];
export type CreditSuccess = components['schemas']['CreditSuccess'];
export type CreditVoided = components['schemas']['CreditVoided'];
export type Crossing = components['schemas']['Crossing'];
export type DayCost = components['schemas']['DayCost'];
export type Deliveries = components['schemas']['Deliveries'];
export type DeliveriesSuccess = components['schemas']['DeliveriesSuccess'];
export type Delivery = components['schemas']['Delivery'];
export type DismissalRequest = components['schemas']['DismissalRequest'];
export type Driver = components['schemas']['Driver'];
export type EndRequest = components['schemas']['EndRequest'];
export type Ended = components['schemas']['Ended'];
export type EndedByLimit = components['schemas']['EndedByLimit'];
export type ErasureReceipt = components['schemas']['ErasureReceipt'];
export type ErasureReceiptSuccess = components['schemas']['ErasureReceiptSuccess'];
export type ErasureRequest = components['schemas']['ErasureRequest'];
export type EventId = components['schemas']['EventId'];
export type EventPage = components['schemas']['EventPage'];
export type EventPageSuccess = components['schemas']['EventPageSuccess'];
export type EventReference = components['schemas']['EventReference'];
export type EvidenceBody = components['schemas']['EvidenceBody'];
export type Failure = components['schemas']['Failure'];
export type Finalize = components['schemas']['Finalize'];
export type Forecast = components['schemas']['Forecast'];
export type ForecastSuccess = components['schemas']['ForecastSuccess'];
export type GapBody = components['schemas']['GapBody'];
export type GlobalBudgetList = components['schemas']['GlobalBudgetList'];
export type GlobalBudgetListSuccess = components['schemas']['GlobalBudgetListSuccess'];
export type Grant = components['schemas']['Grant'];
export type GrantRequest = components['schemas']['GrantRequest'];
export type GrantVoidRequest = components['schemas']['GrantVoidRequest'];
export type GrantVoided = components['schemas']['GrantVoided'];
export type Granted = components['schemas']['Granted'];
export type GroupSums = components['schemas']['GroupSums'];
export type HeldCall = components['schemas']['HeldCall'];
export type HeldCallPage = components['schemas']['HeldCallPage'];
export type HeldCallPageSuccess = components['schemas']['HeldCallPageSuccess'];
export type InfrastructureCost = components['schemas']['InfrastructureCost'];
export type InsightsBody = components['schemas']['InsightsBody'];
export type Interval = components['schemas']['Interval'];
export type KeyValue = components['schemas']['KeyValue'];
export type LimitForecast = components['schemas']['LimitForecast'];
export type LimitForecasts = components['schemas']['LimitForecasts'];
export type LimitVersions = components['schemas']['LimitVersions'];
export type ListedAlert = components['schemas']['ListedAlert'];
export type ListedAlertSuccess = components['schemas']['ListedAlertSuccess'];
export type ListedAnomaly = components['schemas']['ListedAnomaly'];
export type ListedAnomalySuccess = components['schemas']['ListedAnomalySuccess'];
export type ListedCommand = components['schemas']['ListedCommand'];
export type ListedEvent = components['schemas']['ListedEvent'];
export type ListedQuantity = components['schemas']['ListedQuantity'];
export type ListedService = components['schemas']['ListedService'];
export type LiveAlert = components['schemas']['LiveAlert'];
export type LiveBudget = components['schemas']['LiveBudget'];
export type LiveCall = components['schemas']['LiveCall'];
export type LiveChange = components['schemas']['LiveChange'];
export type LivePing = components['schemas']['LivePing'];
export type LivePong = components['schemas']['LivePong'];
export type LiveProjection = components['schemas']['LiveProjection'];
export type LiveSnapshot = components['schemas']['LiveSnapshot'];
export type LiveSubscribe = components['schemas']['LiveSubscribe'];
export type LiveTicket = components['schemas']['LiveTicket'];
export type LiveTicketSuccess = components['schemas']['LiveTicketSuccess'];
export type ModelAlias = components['schemas']['ModelAlias'];
export type ModelAliasEntered = components['schemas']['ModelAliasEntered'];
export type ModelAliasEnteredSuccess = components['schemas']['ModelAliasEnteredSuccess'];
export type ModelAliasEntry = components['schemas']['ModelAliasEntry'];
export type ModelAliasList = components['schemas']['ModelAliasList'];
export type ModelAliasListSuccess = components['schemas']['ModelAliasListSuccess'];
export type MonthEnd = components['schemas']['MonthEnd'];
export type NewApiKey = components['schemas']['NewApiKey'];
export type NewApiKeySuccess = components['schemas']['NewApiKeySuccess'];
export type NewChannel = components['schemas']['NewChannel'];
export type NewChannelSuccess = components['schemas']['NewChannelSuccess'];
export type NewWebhookEndpoint = components['schemas']['NewWebhookEndpoint'];
export type NewWebhookEndpointSuccess = components['schemas']['NewWebhookEndpointSuccess'];
export type OtherGroups = components['schemas']['OtherGroups'];
export type PendingArchive = components['schemas']['PendingArchive'];
export type Period = components['schemas']['Period'];
export type PersonaCost = components['schemas']['PersonaCost'];
export type PlannedCost = components['schemas']['PlannedCost'];
export type PreviousSpending = components['schemas']['PreviousSpending'];
export type PriceConditions = components['schemas']['PriceConditions'];
export type PriceContext = components['schemas']['PriceContext'];
export type PriceEntered = components['schemas']['PriceEntered'];
export type PriceEnteredSuccess = components['schemas']['PriceEnteredSuccess'];
export type PriceEntry = components['schemas']['PriceEntry'];
export type PriceItem = components['schemas']['PriceItem'];
export type PriceList = components['schemas']['PriceList'];
export type PriceListSuccess = components['schemas']['PriceListSuccess'];
export type PriceProposal = components['schemas']['PriceProposal'];
export type PriceProposalSuccess = components['schemas']['PriceProposalSuccess'];
export type PriceSource = components['schemas']['PriceSource'];
export type Proof = components['schemas']['Proof'];
export type QuantityCost = components['schemas']['QuantityCost'];
export type QuietHours = components['schemas']['QuietHours'];
export type RecentCosts = components['schemas']['RecentCosts'];
export type RecentCostsSuccess = components['schemas']['RecentCostsSuccess'];
export type RecommendationBody = components['schemas']['RecommendationBody'];
export type Recommendations = components['schemas']['Recommendations'];
export type RecommendationsSuccess = components['schemas']['RecommendationsSuccess'];
export type ReconciledDay = components['schemas']['ReconciledDay'];
export type ReconciliationBody = components['schemas']['ReconciliationBody'];
export type ReconciliationBodySuccess = components['schemas']['ReconciliationBodySuccess'];
export type Recorded = components['schemas']['Recorded'];
export type Refunded = components['schemas']['Refunded'];
export type RefusedEvent = components['schemas']['RefusedEvent'];
export type ReportedCall = components['schemas']['ReportedCall'];
export type Requested = components['schemas']['Requested'];
export type RequestedSuccess = components['schemas']['RequestedSuccess'];
export type RerateAlert = components['schemas']['RerateAlert'];
export type RerateCharge = components['schemas']['RerateCharge'];
export type RerateCharges = components['schemas']['RerateCharges'];
export type RerateGroup = components['schemas']['RerateGroup'];
export type RerateReport = components['schemas']['RerateReport'];
export type RerateReportSuccess = components['schemas']['RerateReportSuccess'];
export type RerateSum = components['schemas']['RerateSum'];
export type RerateUser = components['schemas']['RerateUser'];
export type Reservation = components['schemas']['Reservation'];
export type ReservationRequest = components['schemas']['ReservationRequest'];
export type ReservationSuccess = components['schemas']['ReservationSuccess'];
export type ReservedCost = components['schemas']['ReservedCost'];
export type Resource = components['schemas']['Resource'];
export type ResourceSpans = components['schemas']['ResourceSpans'];
export type RetirementBody = components['schemas']['RetirementBody'];
export type RoundingCost = components['schemas']['RoundingCost'];
export type Scope = components['schemas']['Scope'];
export type ScopeSpans = components['schemas']['ScopeSpans'];
export type ScopedBudget = components['schemas']['ScopedBudget'];
export type ScopedBudgetList = components['schemas']['ScopedBudgetList'];
export type ScopedBudgetListSuccess = components['schemas']['ScopedBudgetListSuccess'];
export type ScopedBudgetSuccess = components['schemas']['ScopedBudgetSuccess'];
export type Spending = components['schemas']['Spending'];
export type SpendingDay = components['schemas']['SpendingDay'];
export type SpendingSuccess = components['schemas']['SpendingSuccess'];
export type Started = components['schemas']['Started'];
export type Status = components['schemas']['Status'];
export type StatusSuccess = components['schemas']['StatusSuccess'];
export type TodaySoFar = components['schemas']['TodaySoFar'];
export type TopCosts = components['schemas']['TopCosts'];
export type TopCostsSuccess = components['schemas']['TopCostsSuccess'];
export type TopEntry = components['schemas']['TopEntry'];
export type TopicRetention = components['schemas']['TopicRetention'];
export type TraceExport = components['schemas']['TraceExport'];
export type Track = components['schemas']['Track'];
export type TransactionCost = components['schemas']['TransactionCost'];
export type UnitSum = components['schemas']['UnitSum'];
export type Updated = components['schemas']['Updated'];
export type Usage = components['schemas']['Usage'];
export type UserEntry = components['schemas']['UserEntry'];
export type UserList = components['schemas']['UserList'];
export type UserListSuccess = components['schemas']['UserListSuccess'];
export type UsualCost = components['schemas']['UsualCost'];
export type Voided = components['schemas']['Voided'];
export type WantedApiKey = components['schemas']['WantedApiKey'];
export type WantedBudget = components['schemas']['WantedBudget'];
export type WantedCallSteps = components['schemas']['WantedCallSteps'];
export type WantedChannel = components['schemas']['WantedChannel'];
export type WantedGlobalBudget = components['schemas']['WantedGlobalBudget'];
export type WantedGlobalScope = components['schemas']['WantedGlobalScope'];
export type WantedMode = components['schemas']['WantedMode'];
export type WantedQuietHours = components['schemas']['WantedQuietHours'];
export type WantedRaise = components['schemas']['WantedRaise'];
export type WantedScope = components['schemas']['WantedScope'];
export type WantedWebhookEndpoint = components['schemas']['WantedWebhookEndpoint'];
export type WantedWebhookSecret = components['schemas']['WantedWebhookSecret'];
export type WebhookEndpointItem = components['schemas']['WebhookEndpointItem'];
export type WebhookEndpointItemSuccess = components['schemas']['WebhookEndpointItemSuccess'];
export type WebhookEndpointList = components['schemas']['WebhookEndpointList'];
export type WebhookEndpointListSuccess = components['schemas']['WebhookEndpointListSuccess'];
export type WebhookSecretItem = components['schemas']['WebhookSecretItem'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
